"""The official Python client, unmodified, against the sandbox.

Reads the sandbox's JSON line from standard input; prints `ok ID` or `FAIL ID: why` per check.
"""
import json
import ssl
import sys
import urllib.request

from hubspot import HubSpot

start = json.loads(next(line for line in sys.stdin if line.startswith("{")))
url, credentials = start["url"], start["credentials"]
context = ssl.create_default_context(cafile=start["ca"]) if "ca" in start else None
options = {"ssl_ca_cert": start["ca"]} if "ca" in start else {}
client = HubSpot(access_token=credentials["access_token"], host=url, **options)
contacts, companies, deals = client.crm.contacts, client.crm.companies, client.crm.deals
failures = 0


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/__sandbox/{path}", data=data)
    with urllib.request.urlopen(request, context=context) as answer:
        return json.load(answer)


def admin(**body):
    return control("admin", body)


def check(name):
    """Runs the function below it and prints how it went."""

    def run(function):
        global failures
        try:
            function()
            print(f"ok {name}")
        except Exception as error:
            failures += 1
            print(f"FAIL {name}: {type(error).__name__} {error}".replace("\n", " ")[:300])

    return run


def refusal(call, *args, **kwargs):
    """Status and body of a refused call; every package of the client has an exception class of its own."""
    try:
        call(*args, **kwargs)
    except Exception as error:
        if not hasattr(error, "status"):
            raise
        return error.status, json.loads(error.body)
    raise AssertionError("was not refused")


def make(api, **properties):
    body = {"properties": properties, "associations": []}
    return api.basic_api.create(simple_public_object_input_for_create=body).id


def spec(type_id):
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}


admin(do="set_knob", name="search_lag_ms", value=0)
for limit in ("search", "burst", "burst_oauth", "associations"):
    admin(do="set_limit", name=limit, value=100_000)


@check("python_contact_crud")
def _():
    body = {"properties": {"email": "Py.Ada@Example.com", "firstname": "Ada"}}
    made = contacts.basic_api.create(simple_public_object_input_for_create=body)
    assert made.properties["email"] == "py.ada@example.com"
    assert made.created_at is not None and made.archived is False
    read = contacts.basic_api.get_by_id(made.id, properties=["email", "phone"], archived=False)
    assert read.properties["phone"] is None
    changed = contacts.basic_api.update(made.id, simple_public_object_input={"properties": {"firstname": "Grace"}})
    assert changed.properties["firstname"] == "Grace"
    contacts.basic_api.archive(made.id)
    assert refusal(contacts.basic_api.get_by_id, made.id)[0] == 404


@check("python_create_without_properties")
def _():
    made = contacts.basic_api.create({"email": "ignored@example.com", "lastname": "x"})
    assert made.id


@check("python_id_property_with_plus")
def _():
    made = make(contacts, email="a+b@py.example.com")
    assert contacts.basic_api.get_by_id("a+b@py.example.com", id_property="email").id == made


@check("python_get_all_pages_by_100_and_50")
def _():
    rows = [{"properties": {"name": f"Page {at}"}, "associations": []} for at in range(100)]
    for _ in range(2):
        made = companies.batch_api.create(batch_input_simple_public_object_batch_input_for_create={"inputs": rows})
        assert len(made.results) == 100
    everything = companies.get_all()
    assert len({one.id for one in everything}) == len(everything) >= 200
    with_history = companies.get_all(properties_with_history=["name"])
    assert len(with_history) == len(everything)
    assert with_history[0].properties_with_history["name"][0].value


@check("python_duplicate_email_409")
def _():
    known = make(contacts, email="twice@py.example.com")
    status, body = refusal(make, contacts, email="TWICE@py.example.com")
    assert (status, body["message"]) == (409, f"Contact already exists. Existing ID: {known}"), body


@check("python_validation_messages")
def _():
    status, body = refusal(make, contacts, email="bad@")
    assert (status, body["category"]) == (400, "VALIDATION_ERROR")
    assert body["errors"][0]["code"] == "INVALID_EMAIL"


@check("python_archived_list_and_idempotent_delete")
def _():
    gone = make(companies, name="Gone")
    companies.basic_api.archive(gone)
    companies.basic_api.archive(gone)
    page = companies.basic_api.get_page(limit=100, archived=True)
    row = next(one for one in page.results if one.id == gone)
    assert row.archived and row.archived_at is not None


@check("python_batch_207_deserialises")
def _():
    make(contacts, email="known@py.example.com")
    inputs = [
        {"objectWriteTraceId": "a", "properties": {"email": "known@py.example.com"}, "associations": []},
        {"objectWriteTraceId": "b", "properties": {"email": "fresh@py.example.com"}, "associations": []},
    ]
    answer = contacts.batch_api.create(batch_input_simple_public_object_batch_input_for_create={"inputs": inputs})
    assert type(answer).__name__.endswith("WithErrors"), type(answer)
    assert answer.num_errors == 1 and answer.results[0].object_write_trace_id == "b"
    assert answer.errors[0].category == "CONFLICT"


@check("python_batch_read_missing")
def _():
    known = make(contacts, email="read@py.example.com")
    body = {"properties": ["email"], "propertiesWithHistory": [], "inputs": [{"id": known}, {"id": "999999"}]}
    answer = contacts.batch_api.read(batch_read_input_simple_public_object_id=body)
    assert [one.id for one in answer.results] == [known]
    assert answer.errors[0].context["ids"] == ["999999"]


@check("python_batch_upsert_new_flag")
def _():
    row = {"id": "upsert@py.example.com", "idProperty": "email", "properties": {"firstname": "U"}}
    send = lambda: contacts.batch_api.upsert(batch_input_simple_public_object_batch_input_upsert={"inputs": [row]})
    assert send().results[0].new is True
    assert send().results[0].new is False


@check("python_batch_duplicate_ids")
def _():
    known = make(contacts)
    row = {"id": known, "properties": {"firstname": "X"}}
    status, body = refusal(contacts.batch_api.update, batch_input_simple_public_object_batch_input={"inputs": [row, row]})
    assert (status, body["context"]["ids"]) == (400, [known])


@check("python_batch_archive")
def _():
    gone = make(contacts)
    assert contacts.batch_api.archive(batch_input_simple_public_object_id={"inputs": [{"id": gone}]}) is None
    assert refusal(contacts.basic_api.get_by_id, gone)[0] == 404


@check("python_search_as_sent_by_the_client")
def _():
    made = make(contacts, email="find@py.example.com")
    body = {
        "limit": 200,
        "after": "0",
        "sorts": [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
        "properties": ["email"],
        "filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ", "value": "find@py.example.com"}]}],
    }
    found = contacts.search_api.do_search(public_object_search_request=body)
    assert (found.total, found.results[0].id, found.paging) == (1, made, None)
    assert contacts.search_api.do_search(public_object_search_request={"filterGroups": []}).total > 1
    archived_or_new = {"query": "find py"}
    assert contacts.search_api.do_search(public_object_search_request=archived_or_new).total == 1


@check("python_search_ten_thousand_cap")
def _():
    search = contacts.search_api.do_search
    assert refusal(search, public_object_search_request={"limit": 200, "after": "9900"})[0] == 400


@check("python_merge_and_gdpr")
def _():
    first, second = make(contacts, email="m1@py.example.com"), make(contacts, email="m2@py.example.com")
    body = {"primaryObjectId": first, "objectIdToMerge": second}
    merged = contacts.basic_api.merge(public_merge_input=body)
    assert contacts.basic_api.get_by_id(first).id == merged.id != first
    contacts.basic_api.purge(public_gdpr_delete_input={"objectId": merged.id})
    assert refusal(contacts.basic_api.get_by_id, merged.id)[0] == 404


@check("python_associations_v4")
def _():
    person, lonely, firm = make(contacts), make(contacts), make(companies, name="Firm")
    api = client.crm.associations.v4
    pair = api.basic_api.create("contacts", person, "companies", firm, association_spec=[spec(1)])
    assert pair.labels == ["Primary"]
    page = api.basic_api.get_page("contacts", person, "companies", limit=500)
    assert [one.type_id for one in page.results[0].association_types] == [1, 279]
    both = api.basic_api.create_default("contacts", person, "companies", firm)
    assert len(both.results) == 2
    body = {"inputs": [{"id": person}, {"id": lonely}]}
    read = api.batch_api.get_page("contacts", "companies", batch_input_public_fetch_associations_batch_request=body)
    assert read.errors[0].sub_category == "crm.associations.NO_ASSOCIATIONS_FOUND"
    api.basic_api.archive("contacts", person, "companies", firm)
    assert api.basic_api.get_page("contacts", person, "companies").results == []


@check("python_associations_v3")
def _():
    person, firm = make(contacts), make(companies, name="V3")
    row = {"inputs": [{"from": {"id": person}, "to": {"id": firm}, "type": "contact_to_company"}]}
    api = client.crm.associations.batch_api
    assert api.create("contacts", "companies", batch_input_public_association=row).results[0].type == "contact_to_company"
    read = api.read("contacts", "companies", batch_input_public_object_id={"inputs": [{"id": person}]})
    assert [one.type for one in read.results[0].to] == ["contact_to_company", "contact_to_company_unlabeled"]


@check("python_labels")
def _():
    api = client.crm.associations.v4.schema.definitions_api
    body = {"name": "py_boss", "label": "Boss"}
    made = api.create("contacts", "companies", public_association_definition_create_request=body)
    assert made.results[0].category == "USER_DEFINED"
    labels = [one.label for one in api.get_all("contacts", "companies").results]
    assert labels == ["Primary", None, "Boss"], labels
    api.remove("contacts", "companies", made.results[0].type_id)


@check("python_properties_and_pipelines")
def _():
    body = {"name": "py_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "dealinformation"}
    made = client.crm.properties.core_api.create("deals", property_create=body)
    assert made.name == "py_key" and made.modification_metadata.read_only_value is False
    assert any(one.name == "dealstage" for one in client.crm.properties.core_api.get_all("deals", archived=False).results)
    stages = client.crm.pipelines.pipeline_stages_api.get_all("deals", "default").results
    assert stages[0].metadata["probability"] == "0.2"
    status, body = refusal(make, deals, dealname="X", dealstage="nowhere")
    assert body["errors"][0]["code"] == "INVALID_OPTION"
    won = make(deals, dealname="X", dealstage="closedwon", amount="5")
    assert deals.basic_api.get_by_id(won, properties=["hs_is_closed_won"]).properties["hs_is_closed_won"] == "true"


@check("python_owners_trailing_slash")
def _():
    made = admin(do="add_owner", email="py.owner@example.com")
    assert any(one.id == made["id"] for one in client.crm.owners.owners_api.get_page(limit=500, archived=False).results)
    by_user = client.crm.owners.get_all()
    assert by_user[0].user_id is not None


@check("python_oauth")
def _():
    token = client.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id=credentials["client_id"],
        client_secret=credentials["client_secret"],
        refresh_token=credentials["refresh_token"],
    )
    assert token.expires_in == 1800 and token.refresh_token == credentials["refresh_token"]
    assert client.oauth.access_tokens_api.get(token.access_token).hub_id == credentials["portal_id"]
    assert client.oauth.refresh_tokens_api.get(credentials["refresh_token"]).client_id == credentials["client_id"]
    other = HubSpot(access_token=token.access_token, host=url, **options)
    assert other.crm.contacts.basic_api.get_page(limit=1).results


@check("python_missing_scope_403")
def _():
    info = json.dumps({"tokenKey": credentials["access_token"]}).encode()
    request = urllib.request.Request(f"{url}/oauth/v2/private-apps/get/access-token-info", data=info)
    with urllib.request.urlopen(request, context=context) as answer:
        scopes = json.load(answer)["scopes"]
    admin(do="set_scopes", scopes=[one for one in scopes if one != "crm.objects.deals.write"])
    status, body = refusal(make, deals, dealname="X", dealstage="closedwon")
    admin(do="set_scopes", scopes=scopes)
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert body["context"]["requiredGranularScopes"] == ["crm.objects.deals.write"]


@check("python_retries_get_with_retry_after_only")
def _():
    rule = {"match": "read", "times": 1, "do": "rate_limited"}
    control("faults", {"rules": [rule]})
    status, body = refusal(contacts.basic_api.get_page, limit=1)
    assert (status, body["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    control("faults", {"rules": [{**rule, "do": "wrong_retry_after"}]})
    assert contacts.basic_api.get_page(limit=1).results
    control("faults", {"rules": []})


@check("python_burst_limit")
def _():
    admin(do="set_limit", name="burst", value=3)
    control("clock", {"advance_s": 11})
    answers = []
    for _ in range(5):
        try:
            contacts.basic_api.get_page(limit=1)
            answers.append(200)
        except Exception as error:
            answers.append(error.status)
            message = json.loads(error.body)["message"]
    admin(do="set_limit", name="burst", value=100_000)
    assert answers == [200, 200, 200, 429, 429], answers
    assert message == "You have reached your ten_secondly_rolling limit."
    assert control("calls")["violations"][-1]["limit"] == "ten_secondly"


@check("python_webhook_settings")
def _():
    keyed = HubSpot(api_key=credentials["developer_key"], host=url, **options)
    app = credentials["app_id"]
    settings = {"targetUrl": "http://127.0.0.1:9/none", "throttling": {"maxConcurrentRequests": 10}}
    assert keyed.webhooks.settings_api.configure(app, settings_change_request=settings).target_url.endswith("/none")
    body = {"eventType": "contact.creation", "active": False}
    made = keyed.webhooks.subscriptions_api.create(app, subscription_create_request=body)
    assert keyed.webhooks.subscriptions_api.get_all(app).results[0].id == made.id
    keyed.webhooks.subscriptions_api.archive(int(made.id), app)
    keyed.webhooks.settings_api.clear(app)


sys.exit(1 if failures else 0)
