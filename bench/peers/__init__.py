"""The programs we are measured against: fetched, checked and started here, never part of the product."""
