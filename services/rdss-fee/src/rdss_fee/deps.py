"""Who may call: the roles of the fee service's routes, as dependencies."""

from typing import Annotated

from fastapi import Depends

from shared.auth import Requires
from shared.principals import Principal

Finance = Annotated[Principal, Depends(Requires("authority_finance"))]
Office = Annotated[Principal, Depends(Requires("programme_office"))]
Offices = Annotated[Principal, Depends(Requires("programme_office", "authority_finance"))]
Watchers = Annotated[Principal, Depends(Requires("programme_office", "authority_finance", "admin", "auditor"))]
Employer = Annotated[Principal, Depends(Requires("employer"))]
EmployerStaff = Annotated[Principal, Depends(Requires("employer", "employer_department"))]
Reader = Annotated[
    Principal,
    Depends(Requires("employer", "employer_department", "programme_office", "authority_finance", "admin", "auditor")),
]
Reporter = Annotated[Principal, Depends(Requires("employer", "employer_department", "programme_office"))]
ReceiptKeeper = Annotated[Principal, Depends(Requires("employer", "programme_office", "authority_finance"))]
FinanceOrAdmin = Annotated[Principal, Depends(Requires("authority_finance", "admin"))]
Anyone = Annotated[Principal, Depends(Requires())]
