"""What can be done with men and their periods, a module each; and how what is known is changed (`knowledge`)."""

from rdss_fee.periods.service.knowledge import Moment, hold_still, moment

__all__ = ["Moment", "hold_still", "moment"]
