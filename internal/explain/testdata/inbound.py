# Prints inbound_python.json: hashes of notifications, webhooks and links with the
# mistakes that are made in Python, computed by its own library. Run with: python3 inbound.py > inbound_python.json
#
# Each vector has its kind; the key; a body with its hash, or signature, or a URL; and
# the mistakes that are to be found, none if it is right.
import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, parse_qsl, quote, quote_plus, unquote, urlencode

KEY = "a-secret-key-of-some-length"
vectors = []


def vector(kind, mistakes, **more):
    vectors.append({"kind": kind, "mistakes": mistakes, "key": KEY, **more})


def source(values, length=lambda v: len(v.encode())):
    return "".join(f"{length(v)}{v}" for v in values)


def mac(text, key=KEY, algo="sha256"):
    text = text if isinstance(text, bytes) else text.encode()
    return hmac.new(key.encode(), text, algo).hexdigest()


FIELDS = [
    ("REFNO", "240000001"), ("COMPANY", ""), ("FIRSTNAME", " Jürg \\ & Söhne "), ("ORDERNO", "0"), ("10", "ten"), ("9", "nine"),
    ("IPN_PID[]", "4711"), ("IPN_PID[]", "4712"), ("IPN_PNAME[]", "Größe “L” 😀"), ("IPN_PNAME[]", ""), ("IPN_DATE", "20260304050608"),
]
BODY = urlencode(FIELDS)
VALUES = [v for _, v in FIELDS]


def ipn(mistakes, hash, field="SIGNATURE_SHA2_256", **more):
    vector("ipn", mistakes, body=f"{BODY}&{field}={hash}", **more)


ipn([], mac(source(VALUES)))
ipn([], mac(source(VALUES), algo="sha3_256"), "SIGNATURE_SHA3_256")
ipn(["the length is in characters"], mac(source(VALUES, len)))
ipn(["SHA-256 is used"], mac(source(VALUES)), "SIGNATURE_SHA3_256")
ipn(["SHA3-256 is used"], mac(source(VALUES), algo="sha3_256"))
ipn(["a plain hash is made, and no HMAC"], hashlib.sha256((KEY + source(VALUES)).encode()).hexdigest())
# parse_qs makes a dictionary of lists, and drops what is empty; dict keeps the last one.
ipn(["empty values are left out"], mac(source([v for values in parse_qs(BODY).values() for v in values])))
ipn(["empty values and 0 are left out"], mac(source([v for v in VALUES if v and v != "0"])))
ipn(["the order is lost: the fields are sorted"], mac(source([v for _, v in sorted(FIELDS, key=lambda f: f[0])])))
ipn(["of an array the last element only is hashed"], mac(source(dict(parse_qsl(BODY, keep_blank_values=True)).values())))
ipn(["of an array the first element only is hashed"], mac(source([v[0] for v in parse_qs(BODY, keep_blank_values=True).values()])))
ipn(["the values are trimmed"], mac(source([v.strip() for v in VALUES])))
ipn(["the values are trimmed", "the length is in characters"], mac(source([v.strip() for v in VALUES], len)))
ipn(["the values are hashed with their escapes"], mac(source([quote_plus(v) for v in VALUES])))
ipn(["the values are hashed with their escapes"], mac(source([quote(v, safe="") for v in VALUES])))
ipn(["plus signs are not decoded"], mac(source([unquote(p.partition("=")[2]) for p in BODY.split("&")])))
ipn(["the lengths are left out"], mac("".join(VALUES)))
ipn(["the lengths are behind the values"], mac("".join(f"{v}{len(v.encode())}" for v in VALUES)))
ipn(["a final newline was cut or added"], mac(source(VALUES[:-1] + [VALUES[-1] + "\n"])))
ipn(["white space around the key"], mac(source(VALUES), KEY + "\n"))
ipn(["the hash is in base64"], quote_plus(base64.b64encode(hmac.new(KEY.encode(), source(VALUES).encode(), "sha256").digest()).decode()))
ipn(["the query of the URL is hashed with the body"], mac(source(["x y"] + VALUES)), query="a=x+y")

JSON = '{"transaction": {"id": 1, "amount": 49.90, "note": "Größe/L"}}'


def webhook(mistakes, signature, body=JSON):
    vector("webhook", mistakes, body=body, signature=signature)


webhook([], mac(JSON))
webhook([], mac(JSON).upper())
again = json.loads(JSON)
webhook(["the JSON is parsed and written anew"], mac(json.dumps(again)))
webhook(["the JSON is parsed and written anew"], mac(json.dumps(again, separators=(",", ":"))))
webhook(["the JSON is parsed and written anew"], mac(json.dumps(again, separators=(",", ":"), ensure_ascii=False)))
webhook(["the JSON is parsed and written anew"], mac(json.dumps(again, indent=2)))
webhook(["a final newline was cut or added"], mac(JSON + "\n"))
webhook(["a final newline was cut or added"], mac(JSON), JSON + "\n")
webhook(["line ends are changed"], mac(JSON.replace(" ", "\n")), JSON.replace(" ", "\r\n"))
webhook(["the form is parsed and written anew"], mac(urlencode(parse_qsl(BODY, keep_blank_values=True), quote_via=quote)), BODY)
webhook(["the empty string is signed: the body had been read before"], mac(""))

LINK = [
    ("merchant", "YOURCODE123"), ("prod", "A B"), ("qty", "1"), ("return-url", "https://shop.example/bück?a=b c"), ("expiration", "1893456000"), ("coupon", "X"),
]
SIGNED = sorted(f for f in LINK if f[0] != "merchant")


def link(mistakes, signature, kind="buylink", pairs=LINK):
    vector(kind, mistakes, url="https://secure.2checkout.com/checkout/buy?" + urlencode(pairs) + "&signature=" + signature)


link([], mac(source([v for _, v in SIGNED])))
link(["every parameter is signed, the merchant too"], mac(source([v for _, v in sorted(LINK)])))
link(["the parameters are not sorted"], mac(source([v for n, v in LINK if n != "merchant"])))
link(["coupon and cust-params are not signed"], mac(source([v for n, v in SIGNED if n != "coupon"])))
link(["the length is in characters"], mac(source([v for _, v in SIGNED], len)))
link(["the return-url is signed with its escapes"], mac(source([quote_plus(v) if n == "return-url" else v for n, v in SIGNED])))
link(["the names are signed, too"], mac("".join(n + source([v]) for n, v in SIGNED)))
link(["the names are signed, too"], mac(urlencode(SIGNED)))
link(["the expiration is signed in milliseconds"], mac(source([v + "000" if n == "expiration" else v for n, v in SIGNED])))

RETURNED = [("refno", "240000001"), ("total", "49.90"), ("total-currency", "EUR"), ("merchant", "YOURCODE123"), ("order-ext-ref", "")]
link([], mac(source([v for _, v in sorted(RETURNED)])), "return-url", RETURNED)
link([], mac(source([v for _, v in sorted(RETURNED)])).upper(), "return-url", RETURNED)
link(["the parameters are not sorted"], mac(source([v for _, v in RETURNED])), "return-url", RETURNED)
link(["empty values are left out"], mac(source([v for _, v in sorted(RETURNED) if v])), "return-url", RETURNED)
link(["the merchant is not hashed"], mac(source([v for n, v in sorted(RETURNED) if n != "merchant"])), "return-url", RETURNED)

print(json.dumps(vectors, indent=1, ensure_ascii=False))
