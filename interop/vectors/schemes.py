"""How the gateways' requests, notifications and links are signed and verified.

Written from docs/paylink.md and docs/2checkout.md, with Python's standard library
only, and apart from the Go code: check.py compares it with the vectors. It has no
grammar of what is refused, no bounds and no clock.
"""
import base64, hashlib, hmac, re
from urllib.parse import parse_qsl, quote_plus, unquote_to_bytes, urlsplit

HASHES = {"md5": hashlib.md5, "sha256": hashlib.sha256, "sha3-256": hashlib.sha3_256}
FIELDS = {b"SIGNATURE_SHA3_256": "sha3-256", b"SIGNATURE_SHA2_256": "sha256", b"HASH": "md5"}  # the strongest first


def octets(v): return v if isinstance(v, bytes) else v.encode()
def mac(algorithm, key, source): return hmac.new(octets(key), octets(source), HASHES[algorithm]).hexdigest()
def same(a, b): return hmac.compare_digest(octets(a).lower(), octets(b).lower())


def form(text):
    """The pairs of a form or query, as bytes: cut at & and at the first =."""
    pairs = [p.partition("=") for p in text.split("&") if p]
    return [tuple(unquote_to_bytes(s.replace("+", " ")) for s in (name, value)) for name, _, value in pairs]


def prefixed(values):
    """Each value behind its length in bytes."""
    return b"".join(b"%d%s" % (len(octets(v)), octets(v)) for v in values)


def by_name(pairs): return prefixed(v for _, v in sorted(((octets(n), octets(v)) for n, v in pairs), key=lambda p: p[0]))


# The Payrexx family's ApiSignature.

def flatten(parameters, path=""):
    """What PHP's http_build_query makes of nested parameters."""
    for name, v in enumerate(parameters) if isinstance(parameters, list) else parameters.items():
        name = f"{path}[{name}]" if path else str(name)
        if isinstance(v, (dict, list)):
            yield from flatten(v, name)
        elif v is not None:
            yield name, str(int(v)) if isinstance(v, bool) else str(v)


def encoded(pairs): return "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in pairs).replace("~", "%7E")
def wire(pairs): return encoded(pairs).replace("+", "%20").replace("%7E", "~")
def api_signature(pairs, secret): return base64.b64encode(hmac.digest(octets(secret), encoded(pairs).encode(), "sha256")).decode()


def sign_request(method, url, body, secret, instance):
    """The URL and the body as they are sent."""
    pairs = parse_qsl(urlsplit(url).query if method == "GET" else body, keep_blank_values=True)
    pairs.append(("ApiSignature", api_signature(pairs, secret)))
    url = url.partition("?")[0] + "?"
    return (url + wire(pairs + [("instance", instance)]), "") if method == "GET" else (url + wire([("instance", instance)]), wire(pairs))


def verify_request(url, body, secret):
    pairs = parse_qsl(body or urlsplit(url).query, keep_blank_values=True)
    signature = dict(pairs).get("ApiSignature", "")
    right = api_signature([p for p in pairs if p[0] not in ("ApiSignature", "instance")], secret)
    return bool(secret) and hmac.compare_digest(octets(signature), octets(right))


# 2Checkout's X-Avangate-Authentication.

def header(code, date, key, algorithm):
    return f'code="{code}" date="{date}" hash="{mac(algorithm, key, prefixed([code, date]))}" algo="{algorithm}"'


def header_verify(text, key):
    m = re.fullmatch('code="(.*)" date="(.*)" hash="(.*)" algo="(sha256|sha3-256)"', text)
    return bool(m and key) and same(m[3], mac(m[4], key, prefixed([m[1], m[2]])))


# What the gateways send, and what a merchant signs in a link.

def ipn_verify(body, key, algorithms):
    given = [(FIELDS[n], v) for n, v in form(body) if n in FIELDS and v]
    given.sort(key=lambda g: list(FIELDS.values()).index(g[0]))
    if not key or not given or given[0][0] not in algorithms:
        return False
    return same(given[0][1], mac(given[0][0], key, ipn_source(body)))


def ipn_source(body): return prefixed(v for n, v in form(body) if n not in FIELDS)


def reply(algorithm, key, values):
    digest = mac(algorithm, key, prefixed(values))
    return f"<EPAYMENT>{values[-1]}|{digest}</EPAYMENT>" if algorithm == "md5" else f'<sig algo="{algorithm}" date="{values[-1]}">{digest}</sig>'


def webhook_verify(body, signature, key): return bool(key and signature) and same(signature.strip(), mac("sha256", key, body))


def return_source(query, own=()):
    """All that comes back, sorted by name, but the signature and what the shop put into its URL."""
    return by_name(p for p in form(query) if p[0] not in (b"signature", *map(octets, own)))


def return_verify(query, word, own=()):
    return bool(word) and same(dict(form(query)).get(b"signature", b""), mac("sha256", word, return_source(query, own)))


def link_source(pairs, names): return by_name(p for p in pairs if p[0] in names)
def base64url(b): return base64.urlsafe_b64encode(b).rstrip(b"=")


def jwt(word, head, payload):
    signed = base64url(head.encode()) + b"." + base64url(payload.encode())
    return (signed + b"." + base64url(hmac.digest(octets(word), signed, "sha512"))).decode()


def jwt_verify(token, word):
    signed, _, signature = octets(token).rpartition(b".")
    return bool(word) and hmac.compare_digest(signature, base64url(hmac.digest(octets(word), signed, "sha512")))
