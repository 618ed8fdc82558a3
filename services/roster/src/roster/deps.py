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
RefusalReader = Annotated[Principal, Depends(Requires("school", "township", "case_officer", "approver"))]
RefusalRecorder = Annotated[Principal, Depends(Requires("school", "township", "case_officer"))]
CountyOrAdmin = Annotated[Principal, Depends(Requires("case_officer", "approver", "admin"))]
CountyOrMinistry = Annotated[Principal, Depends(Requires("case_officer", "approver", "admin", "auditor"))]
CaseOfficerOrAdmin = Annotated[Principal, Depends(Requires("case_officer", "admin"))]
Township = Annotated[Principal, Depends(Requires("township"))]
EducationAuthority = Annotated[Principal, Depends(Requires("education_authority"))]
OfCases = Annotated[Principal, Depends(Requires("township", "education_authority", "case_officer", "approver"))]
Reporting = Annotated[Principal, Depends(Requires("school", "case_officer", "approver", "township"))]
