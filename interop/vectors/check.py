"""Signs and verifies what the vector files hold: python3 check.py FILE...

For each file it prints how many values it compared, or which are wrong.
"""
import json, sys
from urllib.parse import urlsplit

from schemes import *

def paylink(file, expect):
    secret, instance = file["secret"], file["instance"]
    for c in file["cases"]:
        pairs = list(flatten(c["parameters"]))
        expect(c, "string_to_sign", encoded(pairs), c["string_to_sign"])
        expect(c, "signature", api_signature(pairs, secret), c["signature"])
        for r in c["requests"]:
            sent = sign_request(r["method"], r["url"], r["body"], secret, instance)
            expect(c, r["method"], sent, (r["signed_url"], r["signed_body"]))
            expect(c, "verify", verify_request(r["signed_url"], r["signed_body"], secret), True)
            expect(c, "verify with another secret", verify_request(r["signed_url"], r["signed_body"], secret + "x"), False)
            expect(c, "verify without a secret", verify_request(*sign_request(r["method"], r["url"], r["body"], "", instance), ""), False)
            other = [s.replace("ApiSignature=", "ApiSignature=%C3%A9") for s in sent]
            expect(c, "verify a signature that is not ASCII", verify_request(*other, secret), False)


def avangate(file, expect):
    for c in file["vectors"]:
        expect(c, "string_to_sign", prefixed([c["merchant_code"], c["date"]]), c["string_to_sign"].encode())
        for algorithm, field in ("sha256", "sha256"), ("sha3-256", "sha3_256"):
            expect(c, field, mac(algorithm, c["key"], c["string_to_sign"]), c[field])
            expect(c, "header", header(c["merchant_code"], c["date"], c["key"], algorithm), c["header_" + field])
            expect(c, "verify", header_verify(c["header_" + field], c["key"]), True)
            expect(c, "verify with another key", header_verify(c["header_" + field], c["key"] + "x"), False)


def source_of(c): return bytes.fromhex(c["source_hex"]) if "source_hex" in c else c["source"].encode()


def inbound(file, expect):
    hooks, ipn, returned, links = file["payrexx_webhook"], file["ipn_request"], file["return_url"], file["buy_link"]
    for c in hooks["cases"]:
        body = bytes.fromhex(c["body_hex"]) if "body_hex" in c else c["body"].encode()
        expect(c, "signature", mac("sha256", c["signing_key"], body), c["signature"])
        expect(c, "body_bytes", len(body), c["body_bytes"])
        for why, w in c.get("wrong", {}).items():
            expect(c, why, webhook_verify(body, w["signature"] if isinstance(w, dict) else w, c["signing_key"]), False)
    for c in hooks["policy"]:
        if c["ok"] is not None:
            expect(c, "ok", webhook_verify(c["body"], c["header"], c["signing_key"]), c["ok"])
    for c in ipn["cases"] + ipn["readings_differ"] + file["lcn_request"]["cases"]:
        expect(c, "source", ipn_source(c["body"]), source_of(c))
        expect(c, "source_bytes", len(source_of(c)), c["source_bytes"])
        if "pairs" in c:
            expect(c, "pairs", [[n.decode(), v.decode()] for n, v in form(c["body"])], c["pairs"])
        for algorithm in HASHES:
            expect(c, algorithm, mac(algorithm, c["key"], ipn_source(c["body"])), c["mac"][algorithm])
            if "signed" in c:
                expect(c, "verify", ipn_verify(c["signed"][algorithm], c["key"], HASHES), True)
        for why, w in c.get("wrong", {}).items():
            for algorithm, m in w["mac"].items():
                body = c["signed"][algorithm].replace(c["mac"][algorithm], m)
                expect(c, why, ipn_verify(body, c["key"], HASHES), False)
    for c in ipn["not_bound"]:
        for body in c["bodies"]:
            expect(c, "source", ipn_source(body), source_of(c))
            for algorithm in HASHES:
                expect(c, algorithm, mac(algorithm, c["key"], ipn_source(body)), c["mac"][algorithm])
    for c in ipn["policy"]:
        expect(c, "any", ipn_verify(c["body"], c["key"], HASHES), c["ok_if_any_algorithm"])
        expect(c, "no md5", ipn_verify(c["body"], c["key"], ("sha256", "sha3-256")), c["ok_if_sha2_or_sha3_required"])
    for c in file["ipn_reply"]["cases"] + file["lcn_reply"]["cases"] + file["sent_by_merchant"]["cases"]:
        expect(c, "source", prefixed(c["values"]), source_of(c))
        for algorithm in HASHES:
            expect(c, algorithm, mac(algorithm, c["key"], source_of(c)), c["mac"][algorithm])
            if "reply" in c:
                expect(c, "reply", reply(algorithm, c["key"], c["values"]), c["reply"][algorithm])
        for why, w in c.get("wrong", {}).items():
            expect(c, why, w["mac"]["sha256"] == c["mac"]["sha256"], False)
    forms = file["ipn_reply"]["wrong_forms"]
    for why, w in forms["wrong"].items():
        expect({"name": "wrong_forms"}, why, w in [reply(a, forms["key"], forms["values"]) for a in HASHES], False)
    for c in returned["cases"]:
        own = c.get("own", ())
        expect(c, "pairs", form(c["query"]), [(octets(n), octets(v)) for n, v in c["pairs"]])
        expect(c, "source", return_source(c["query"], own), source_of(c))
        expect(c, "signature", mac("sha256", c["secret_word"], source_of(c)), c["signature"])
        query = urlsplit(c["url"]).query
        expect(c, "url", query, c["query"] + "&signature=" + c["signature"])
        expect(c, "verify", return_verify(query, c["secret_word"], own), True)
        expect(c, "verify in capitals", return_verify(query.replace(c["signature"], c["signature"].upper()), c["secret_word"], own), True)
        expect(c, "verify with another word", return_verify(query, c["secret_word"] + "x", own), False)
        for why, w in c.get("wrong", {}).items():
            expect(c, why, return_verify(c["query"] + "&signature=" + w["signature"], c["secret_word"], own), False)
    for c in returned["not_bound"]:
        for i, query in enumerate(c["queries"]):
            expect(c, "source", return_source(query), (c["sources"][i] if "sources" in c else c["source"]).encode())
            signature = c["signatures"][i] if "signatures" in c else c["signature"]
            expect(c, "verify", return_verify(query + "&signature=" + signature, c["secret_word"]), True)
    for c in links["cases"]:
        names = links["signed_names_of_vendor_plugins"] if "url" in c else c["signed_names"]
        expect(c, "signed_names", sorted(n for n, _ in c["pairs"] if n in names), c["signed_names"])
        expect(c, "source", link_source(c["pairs"], names), source_of(c))
        signature = mac("sha256", c["secret_word"], link_source(c["pairs"], names))
        expect(c, "signature", signature, c["signature"])
        if "url" in c:
            expect(c, "url", form(urlsplit(c["url"]).query), [(octets(n), octets(v)) for n, v in c["pairs"] + [["signature", c["signature"]]]])
        for why, w in c.get("wrong", {}).items():
            expect(c, why, signature == w["signature"], False)
    for c in file["jwt"]["cases"]:
        expect(c, "token", jwt(c["secret_word"], c["header"], c["payload"]), c["token"])
        expect(c, "parts", c["input"] + "." + c["signature"], c["token"])
        expect(c, "verify", jwt_verify(c["token"], c["secret_word"]), True)
        for why, w in c["wrong"].items():
            expect(c, why, jwt_verify(w, c["secret_word"]), False)


status = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        file = json.load(f)
    compared, wrong = 0, []

    def expect(c, what, got, want):
        global compared
        compared += 1
        if got != want:
            wrong.append(f"{c['name']}: {what}")

    (paylink if "cases" in file else avangate if "vectors" in file else inbound)(file, expect)
    print(f"{path}: WRONG: {'; '.join(wrong)}" if wrong else f"{path}: {compared} right")
    status |= bool(wrong)
sys.exit(status)
