"""Organisations and clients, kept by administrators (ID-03, ID-04)."""

import pytest

ORGANISATION = {"type": "employer", "code": "99000002", "name": "甲示範科技股份有限公司", "name_en": "Demonstration A"}
CLIENT = {
    "client_id": "sis_ntut",
    "name": "校務資訊系統",
    "org": {"type": "school", "code": "0003"},
    "roles": ["school"],
}


class TestOrganisations:
    """The list of organisations."""

    async def test_created_read_and_renamed(self, house):
        made = await house.admin_post("/organisations", ORGANISATION)
        assert made.status_code == 201, made.text
        assert made.json() == {**ORGANISATION, "version": 1}
        path = made.headers["location"]
        assert path == "/identity/v1/organisations/employer/99000002"
        changed = await house.admin_patch(path.removeprefix("/identity/v1"), {"name": "甲科技"}, 1)
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
        found = await house.http.get(path, headers=await house.as_("auditor"))
        assert (found.json()["name"], found.json()["name_en"]) == ("甲科技", "Demonstration A")
        stale = await house.admin_patch(path.removeprefix("/identity/v1"), {"name": "乙"}, 1)
        assert stale.status_code == 412

    async def test_one_of_each(self, house):
        again = await house.admin_post("/organisations", {**ORGANISATION, "type": "moi", "code": "moi"})
        assert (again.status_code, again.json()["code"]) == (409, "organisation_exists")

    async def test_pages(self, quiet_house):
        headers = await quiet_house.as_("auditor")
        first = await quiet_house.http.get("/identity/v1/organisations?limit=2", headers=headers)
        assert [o["code"] for o in first.json()["items"]] == ["63000", "65000"]
        second = await quiet_house.http.get(first.links["next"]["url"], headers=headers)
        assert [o["type"] for o in second.json()["items"]] == ["moi", "school"]
        counties = await quiet_house.http.get("/identity/v1/organisations?type=county", headers=headers)
        assert counties.json()["next_cursor"] is None
        assert len(counties.json()["items"]) == 2

    @pytest.mark.parametrize(
        "change", [{"code": "../x"}, {"code": ""}, {"code": "x" * 65}, {"type": "planet"}, {"name": "a\tb"}, {"x": 1}]
    )
    async def test_hostile(self, quiet_house, change):
        assert (await quiet_house.admin_post("/organisations", {**ORGANISATION, **change})).status_code == 422


class TestClients:
    """Systems that log in."""

    @pytest.mark.rule("ID-04")
    async def test_created_with_a_secret_shown_once(self, house):
        made = await house.admin_post("/clients", CLIENT)
        assert made.status_code == 201, made.text
        secret = made.json()["client_secret"]
        assert len(secret) == 43
        answer = await house.token(grant_type="client_credentials", client_id="sis_ntut", client_secret=secret)
        assert answer.status_code == 200
        found = await house.http.get(made.headers["location"], headers=await house.as_("auditor"))
        assert "client_secret" not in found.json()
        listed = await house.http.get("/identity/v1/clients", headers=await house.as_("auditor"))
        assert [c["client_id"] for c in listed.json()["items"]] == ["sis_ntu", "sis_ntut", "svc_roster"]
        assert secret not in listed.text

    @pytest.mark.rule("ID-03")
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"org": {"type": "county", "code": "63000"}, "roles": ["approver"]}, "role_for_people"),
            ({"org": {"type": "moi", "code": "moi"}, "roles": ["admin"]}, "role_for_people"),
            ({"roles": ["feed"]}, "role_not_of_organisation"),
            ({"org": {"type": "school", "code": "9999"}}, "organisation_unknown"),
            # Never the shape of an account's id.
            ({"client_id": "0f0e0d0c-0b0a-4908-8706-050403020100"}, "string_pattern_mismatch"),
            ({"client_id": "a" * 41}, "string_too_long"),
            ({"client_secret": "chosen"}, "extra_forbidden"),
        ],
    )
    async def test_what_cannot_be(self, quiet_house, change, code):
        answer = await quiet_house.admin_post("/clients", {**CLIENT, **change})
        assert answer.status_code == 422, answer.text
        assert code in {e["code"] for e in answer.json()["errors"]}

    async def test_an_id_that_is_taken(self, quiet_house):
        answer = await quiet_house.admin_post("/clients", {**CLIENT, "client_id": "sis_ntu"})
        assert (answer.status_code, answer.json()["code"]) == (409, "client_exists")

    @pytest.mark.rule("ID-03")
    async def test_changed(self, house):
        answer = await house.admin_patch("/clients/sis_ntu", {"name": "新校務系統"}, 1)
        assert (answer.status_code, answer.json()["name"], answer.headers["etag"]) == (200, "新校務系統", '"2"')
        assert (await house.admin_patch("/clients/sis_ntu", {"name": "x"}, 1)).status_code == 412
        assert (await house.admin_patch("/clients/sis_ntu", {"roles": ["approver"]}, 2)).status_code == 422
        assert (await house.admin_patch("/clients/sis_nobody", {"name": "x"}, 1)).status_code == 404
