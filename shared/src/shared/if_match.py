"""What a request says in `If-Match`: the FastAPI side of `shared.preconditions`."""

from typing import Annotated

from fastapi import Depends, Header

from shared.problems import BAD_SYNTAX, PRECONDITION_REQUIRED


async def if_match(
    value: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description='The version that was seen, as in the ETag: `"3"`.',
            json_schema_extra={"maxLength": 11, "pattern": '^"?[0-9]{1,9}"?$'},
        ),
    ] = None,
) -> int:
    """The version the caller saw; raises 428 when it does not say, 400 when it cannot be read."""
    if value is None:
        raise PRECONDITION_REQUIRED()
    number = value.strip().removeprefix('"').removesuffix('"')
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise BAD_SYNTAX(
            detail='If-Match 須為讀取時 ETag 所載版本，例如 "3"。',
            detail_en='If-Match must be the version from the ETag, such as "3".',
        )
    return int(number)


IfMatch = Annotated[int, Depends(if_match)]
