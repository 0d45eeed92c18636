"""What schemathesis cannot read in openapi.yaml, because no schema can say it."""

import base64
import hashlib
import hmac
import json
import os
import re
import time
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

SIGNATURE = "webhook-signature"
TO_BE_SIGNED = "to be signed"  # a request's last bytes are known when it is sent

# A request may be all that its schema asks for, and these still be the answer:
# they depend on what the shop is like.
OF_THE_SHOP = {"price-unavailable", "sale-closed", "idempotency-mismatch", "precondition-failed"}

ID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
PRODUCT = r"[A-Za-z0-9._-]{1,64}"
BYTES = {"name": 200, "userId": 128}  # schemas count characters
WAIT = r"[0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m)?"

placed = []  # ids of the orders that were accepted
links = []  # the parameters of their links to the sandbox


class Provider:
    """Has payment reports signed, except where the signature is what is left out."""

    def get(self, case, context):
        return TO_BE_SIGNED

    def set(self, case, data, context):
        case.headers[SIGNATURE] = data


@schemathesis.hook
def after_load_schema(context, schema):
    schema.auth(refresh_interval=None).apply_to(tag="payments")(Provider)
    schema.auth.providers.insert(0, schema.auth.providers.pop())  # before the buyers' tokens
    put_on_sale(os.environ["PUBLIC_URL"])


def put_on_sale(url):
    """Begins with a product of which there is enough for everybody."""
    login = requests.post(url + "/dev/login", json={"userId": "root", "admin": True}, timeout=10)
    product = {"name": "Aurora sneaker", "unitPrice": 18900, "currency": "EUR", "stock": 1_000_000}
    bearer = {"Authorization": "Bearer " + login.json()["accessToken"]}
    requests.put(url + "/admin/products/sneaker", json=product, headers=bearer, timeout=10).raise_for_status()


@schemathesis.hook
def before_call(context, case, kwargs):
    fit(case)
    if case.headers.get(SIGNATURE) == TO_BE_SIGNED:
        sign(case)
    if re.fullmatch(WAIT, str((case.query or {}).get("wait", ""))):
        case.query["wait"] = "100ms"  # the run has two minutes


def fit(case):
    """Makes values agree that have to, and speak of what there is; one that is wrong by itself stays so."""
    path = case.path_parameters or {}
    if case.path.startswith("/orders/{id}") and is_id(path["id"]) and placed and often(path["id"]):
        path["id"] = placed[-1]
    if often(str(case.headers.get("If-Match", ""))):
        del case.headers["If-Match"]
    if isinstance(case.body, dict):
        case.body = fitted(whole(case.body), case)
    if case.path == "/sandbox/pay" and links:
        form = case.query if case.method == "GET" else case.body
        if isinstance(form, dict) and often(str(form.get("sig", ""))):
            form.update(links[-1])


def fitted(body, case):
    if is_id(body.get("orderId")):
        body["orderId"] = case.path_parameters["id"]
    if str(body.get("type")).startswith("payment-"):
        body["type"] = case.path.rsplit("/", 1)[1]
    if body.get("startsAt") and body.get("endsAt"):
        body["startsAt"] = None
    if re.fullmatch(PRODUCT, str(body.get("productId", ""))):
        body["productId"] = "sneaker"
    for name, most in BYTES.items():
        text = body.get(name)
        if isinstance(text, str) and len(text) <= most < len(text.encode()):
            body[name] = text.encode()[:most].decode(errors="ignore")
    return body


def often(value):
    """Whether this value is one of three in four, the same in every run."""
    return sum(value.encode()) % 4 != 0


def is_id(value):
    return isinstance(value, str) and re.fullmatch(ID, value) is not None


def whole(value):
    """Writes 5.0 as 5: to JSON Schema both are integers, and the description refuses the former in words."""
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 202:
        placed.append(response.json()["orderId"])
    if response.status_code == 200 and case.method == "GET" and case.path in ("/orders", "/orders/{id}"):
        body = response.json()
        links.extend(link(o["paymentUrl"]) for o in body.get("orders", [body]) if "paymentUrl" in o)


def link(url):
    parameters = dict(parse_qsl(urlsplit(url).query))
    return parameters | {name: int(parameters[name]) for name in ("amount", "expires")}


def sign(case):
    """Signs by Standard Webhooks what there is, which the case may have left without an id or a time."""
    if "webhook-timestamp" in case.headers:
        case.headers["webhook-timestamp"] = str(int(time.time()))
    body = requests.Request(**case.as_transport_kwargs()).prepare().body or b""
    if isinstance(body, str):
        body = body.encode()
    name, at = case.headers.get("webhook-id", ""), case.headers.get("webhook-timestamp", "")
    digest = hmac.new(key(), f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    case.headers[SIGNATURE] = "v1," + base64.b64encode(digest).decode()


def key():
    return base64.b64decode(os.environ["PAYMENT_WEBHOOK_SECRET"].removeprefix("whsec_"))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if not isinstance(failure, RejectedPositiveData):
        return True
    try:
        return response.json().get("code") not in OF_THE_SHOP
    except json.JSONDecodeError:
        return True
