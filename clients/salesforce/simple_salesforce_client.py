"""Judges the Salesforce sandbox with simple-salesforce, unmodified.

Reads the JSON line of `syncline sandbox salesforce` from standard input; prints `ok ID` or `FAIL ID: why` a check.
Over plain HTTP a requests adapter redirects the library's fixed https addresses; over TLS nothing is in between.
"""

import datetime
import json
import os
import sys
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce import Salesforce, SalesforceLogin, SFType, format_soql
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ.pop(name, None)
LINE = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
URL, CRED = LINE["url"], LINE["credentials"]
HOST = urlsplit(URL).netloc
TLS = URL.startswith("https")
FAILED = 0


class ToHttp(requests.adapters.HTTPAdapter):
    def send(self, request, **kwargs):
        parts = urlsplit(request.url)
        request.url = URL + (parts.path or "/") + ("?" + parts.query if parts.query else "")
        return super().send(request, **kwargs)


def session():
    made = requests.Session()
    if not TLS:
        made.mount("https://", ToHttp())
    return made


def domain(path):
    """A domain that makes the library's fixed address end in a query parameter of ours."""
    return f"{HOST}{path}?x=" if TLS else "login"


def check(test_id):
    def run(body):
        global FAILED
        try:
            body()
            print(f"ok {test_id}")
        except Exception as error:  # every failure is a finding
            FAILED += 1
            print(f"FAIL {test_id}: {type(error).__name__} {' | '.join(str(error).splitlines())}")

    return run


def refused(kind, code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        assert code is None or error.content[0]["errorCode"] == code, error.content
        return error
    raise AssertionError("was not refused")


def refused_login(call, **kwargs):
    try:
        call(**kwargs)
    except SalesforceAuthenticationFailed as error:
        return error
    raise AssertionError("was not refused")


def redirected():
    made = requests.Session()
    made.mount("https://login.salesforce.com", ToHttp())
    if not TLS:
        made.mount("https://", ToHttp())
    return made


def control(path, body=None):
    answer = requests.post(f"{URL}/__sandbox/{path}", json=body) if body is not None else requests.get(f"{URL}/__sandbox/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def admin(**command):
    return control("admin", command)


SF = Salesforce(session_id=CRED["access_token"], instance=HOST, session=session(), version="59.0")
PASSWORD = {"username": CRED["username"], "password": CRED["password"], "security_token": CRED["security_token"]}
SOAP, TOKEN = "/services/Soap/u/59.0", "/services/oauth2/token"


@check("py.login.soap")
def _():
    sf = Salesforce(**PASSWORD, session=session(), domain=domain(SOAP))
    assert sf.query("SELECT Id FROM User LIMIT 1")["totalSize"] == 1


@check("py.login.soap-organization")
def _():
    found, instance = SalesforceLogin(
        username=CRED["username"], password=CRED["password"] + CRED["security_token"],
        organizationId=CRED["organization_id"], session=session(), domain=domain(SOAP),
    )
    assert found.startswith("00D") and "<" not in found
    assert instance == HOST


@check("py.login.soap-refused")
def _():
    bad = {**PASSWORD, "password": "wrong"}
    error = refused_login(Salesforce, **bad, session=session(), domain=domain(SOAP))
    assert error.code == "INVALID_LOGIN", error.code


@check("py.login.password-grant")
def _():
    # With a security token of its own the library would choose SOAP.
    sf = Salesforce(
        username=CRED["username"], password=CRED["password"] + CRED["security_token"], consumer_key=CRED["client_id"],
        consumer_secret=CRED["client_secret"], session=session(), domain=domain(TOKEN),
    )
    assert sf.query("SELECT Id FROM User LIMIT 1")["totalSize"] == 1


@check("py.login.client-credentials-basic")
def _():
    where = domain(TOKEN) if TLS else "my-domain.my"
    sf = Salesforce(consumer_key=CRED["client_id"], consumer_secret=CRED["client_secret"], session=session(), domain=where)
    assert sf.query("SELECT Id FROM User LIMIT 1")["totalSize"] == 1
    error = refused_login(Salesforce, consumer_key=CRED["client_id"], consumer_secret="x", session=session(), domain=where)
    assert error.code == "invalid_client", error.code


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@check("py.login.jwt")
def _():
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    admin(do="jwt_key", public_key=public.decode())
    private = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    # The library signs `https://{domain}.salesforce.com` as the audience, so over TLS only the host could be ours.
    sf = Salesforce(username=CRED["username"], consumer_key=CRED["client_id"], privatekey=private, session=redirected(), domain="login")
    assert sf.query("SELECT Id FROM User LIMIT 1")["totalSize"] == 1


@check("py.session.expired")
def _():
    sf = Salesforce(session_id="nonsense", instance=HOST, session=session())
    refused(SalesforceExpiredSession, "INVALID_SESSION_ID", sf.query, "SELECT Id FROM User")


@check("py.session.login-again")
def _():
    sf = Salesforce(**PASSWORD, session=session(), domain=domain(SOAP))
    control("faults", {"rules": [{"match": "read", "nth": 1, "do": "token_expired"}]})
    assert sf.query("SELECT Id FROM User LIMIT 1")["totalSize"] == 1
    control("faults", {"rules": []})


@check("py.crud")
def _():
    made = SF.Lead.create({"LastName": "Py", "Company": "Ltd", "Email": "py@example.com"})
    assert made["success"] is True and made["id"].startswith("00Q")
    assert SF.Lead.get(made["id"])["Email"] == "py@example.com"
    assert SF.Lead.update(made["id"], {"Title": "Dr"}) == 204
    assert SF.Lead.get(made["id"])["Title"] == "Dr"
    assert SF.Lead.delete(made["id"]) == 204
    refused(SalesforceResourceNotFound, "ENTITY_IS_DELETED", SF.Lead.get, made["id"])


@check("py.refused")
def _():
    error = refused(SalesforceMalformedRequest, "REQUIRED_FIELD_MISSING", SF.Contact.create, {"FirstName": "x"})
    assert error.content[0]["fields"] == ["LastName"]
    refused(SalesforceMalformedRequest, "INVALID_FIELD", SF.Contact.create, {"LastName": "x", "Foo": 1})
    refused(SalesforceMalformedRequest, "MALFORMED_QUERY", SF.query, "SELECT Id FROM")
    refused(SalesforceResourceNotFound, "NOT_FOUND", SF.Contact.get, "nonsense")


@check("py.upsert")
def _():
    admin(do="add_field", object="Contact", name="Ext__c", type="text", external_id=True)
    assert SF.Contact.upsert("Ext__c/a%2Fb", {"LastName": "Up"}) == 201
    assert SF.Contact.upsert("Ext__c/a%2Fb", {"LastName": "Up2"}) == 200
    assert SF.Contact.get_by_custom_id("Ext__c", "a/b")["LastName"] == "Up2"
    refused(SalesforceResourceNotFound, "NOT_FOUND", SF.Contact.get_by_custom_id, "Ext__c", "none")
    for _ in range(2):
        SF.Contact.create({"LastName": "Same", "Ext__c": "same"})
    refused(SalesforceMoreThanOneRecord, None, SF.Contact.upsert, "Ext__c/same", {"LastName": "x"})
    old = SFType("Contact", CRED["access_token"], HOST, sf_version="45.0", session=session())
    assert old.upsert("Ext__c/a%2Fb", {"LastName": "Old"}) == 204


@check("py.query")
def _():
    made = SF.Account.create({"Name": "It's \"quoted\" \\ here"})["id"]
    found = SF.query(format_soql("SELECT Id, Name FROM Account WHERE Name = {}", "It's \"quoted\" \\ here"))
    assert [row["Id"] for row in found["records"]] == [made]
    now = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    assert SF.query(format_soql("SELECT Id FROM Account WHERE CreatedDate > {}", now))["totalSize"] >= 1
    assert SF.query(format_soql("SELECT Id FROM Account WHERE Id IN {}", [made, "0010x00000AAAAAAAA"]))["totalSize"] == 1
    assert SF.query("SELECT Id, CreatedDate FROM Account WHERE CreatedDate > 2020-01-01T00:00:00+00:00")["totalSize"] >= 1
    assert SF.query("SELECT COUNT() FROM Account")["records"] == []


@check("py.query-pages")
def _():
    admin(do="set_knob", knob="page_size", value=4)
    rows = [{"attributes": {"type": "Lead"}, "LastName": f"P{i}", "Company": "Pages"} for i in range(10)]
    made = SF.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": rows})
    assert all(row["success"] for row in made)
    soql = "SELECT Id, LastName FROM Lead WHERE Company = 'Pages' ORDER BY LastName"
    assert [row["LastName"] for row in SF.query_all(soql)["records"]] == [f"P{i}" for i in range(10)]
    assert len(list(SF.query_all_iter(soql))) == 10
    SF.Lead.delete(made[0]["id"])
    assert SF.query_all(soql, include_deleted=True)["totalSize"] == 10
    assert SF.query_all(soql)["totalSize"] == 9
    admin(do="set_knob", knob="page_size", value=2000)


@check("py.collections")
def _():
    kind = {"attributes": {"type": "Account"}}
    made = SF.restful("composite/sobjects", method="POST", json={"records": [{**kind, "Name": "A"}, {**kind}]})
    assert made[1]["errors"][0] == {
        "statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Name]", "fields": ["Name"],
    }
    first = made[0]["id"]
    done = SF.restful("composite/sobjects", method="PATCH", json={"records": [{**kind, "id": first, "Phone": "1"}]})
    assert done[0]["success"]
    read = SF.restful("composite/sobjects/Account", method="POST", json={"ids": [first, "0010x00000AAAAAAAA"], "fields": ["Phone"]})
    assert read[0]["Phone"] == "1" and read[1] is None
    gone = SF.restful(f"composite/sobjects?ids={first}&allOrNone=true", method="DELETE")
    assert gone[0]["success"]


@check("py.composite")
def _():
    base = "/services/data/v59.0"
    answer = SF.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": [
        {"method": "POST", "url": f"{base}/sobjects/Account/", "referenceId": "a", "body": {"Name": "C"}},
        {"method": "GET", "url": f"{base}/sobjects/Account/@{{a.id}}", "referenceId": "b"},
    ]})
    assert [part["httpStatusCode"] for part in answer["compositeResponse"]] == [201, 200]
    assert answer["compositeResponse"][1]["body"]["Name"] == "C"


@check("py.describe")
def _():
    assert any(o["name"] == "Lead" for o in SF.describe()["sobjects"])
    assert any(f["name"] == "Company" for f in SF.Lead.describe()["fields"])
    assert "objectDescribe" in SF.Lead.metadata()
    assert SF.limits()["DailyApiRequests"]["Max"] == 100000
    assert SF.api_usage["api-usage"].total == 100000
    assert SF.is_sandbox() is True


@check("py.updated-deleted")
def _():
    made = SF.Account.create({"Name": "Replica"})["id"]
    SF.Account.delete(made)
    now = datetime.datetime.now(datetime.timezone.utc)
    span = (now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1))
    assert any(row["id"] == made for row in SF.Account.deleted(*span)["deletedRecords"])
    assert "latestDateCovered" in SF.Account.updated(*span)
    naive = tuple(moment.replace(tzinfo=None) for moment in span)
    assert any(row["id"] == made for row in SF.Account.deleted(*naive)["deletedRecords"])


@check("py.duplicates")
def _():
    SF.Contact.create({"LastName": "Twin", "Email": "twin.py@example.com"})
    admin(do="duplicate_rule", object="Contact", fields=["Email"], action="alert")
    row = {"LastName": "Twin", "Email": "twin.py@example.com"}
    error = refused(SalesforceMalformedRequest, "DUPLICATES_DETECTED", SF.Contact.create, row)
    assert error.content[0]["duplicateResut"]["allowSave"] is True
    SF.Contact.create(row, headers={"Sforce-Duplicate-Rule-Header": "allowSave=true"})
    admin(do="duplicate_rule", object="Contact", fields=["Email"], action="off")


@check("py.limit")
def _():
    admin(do="set_limit", limit="DailyApiRequests", value=1)
    refused(SalesforceRefusedRequest, "REQUEST_LIMIT_EXCEEDED", SF.query, "SELECT Id FROM User")
    admin(do="set_limit", limit="DailyApiRequests", value=100000)


@check("py.fault.server-error")
def _():
    control("faults", {"rules": [{"match": "write", "nth": 1, "do": "server_error"}]})
    refused(SalesforceGeneralError, "UNKNOWN_EXCEPTION", SF.Account.create, {"Name": "x"})
    control("faults", {"rules": []})


sys.exit(1 if FAILED else 0)
