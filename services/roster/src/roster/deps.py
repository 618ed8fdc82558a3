"""Who may call: the roles of the roster service's routes, as dependencies."""

from typing import Annotated

from fastapi import Depends

from shared.auth import Requires
from shared.principals import Principal

Anyone = Annotated[Principal, Depends(Requires())]
Admin = Annotated[Principal, Depends(Requires("admin"))]
School = Annotated[Principal, Depends(Requires("school"))]
SchoolOrAdmin = Annotated[Principal, Depends(Requires("school", "admin"))]
CaseOfficer = Annotated[Principal, Depends(Requires("case_officer"))]
Approver = Annotated[Principal, Depends(Requires("approver"))]
County = Annotated[Principal, Depends(Requires("case_officer", "approver"))]
SchoolOrCounty = Annotated[Principal, Depends(Requires("school", "case_officer", "approver"))]
CountyOrAdmin = Annotated[Principal, Depends(Requires("case_officer", "approver", "admin"))]
CaseOfficerOrAdmin = Annotated[Principal, Depends(Requires("case_officer", "admin"))]
Reporting = Annotated[Principal, Depends(Requires("school", "case_officer", "approver", "township"))]
