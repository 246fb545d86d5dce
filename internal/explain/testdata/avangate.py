# Prints avangate_python.json: hashes of 2Checkout with the mistakes that are made in
# Python, computed by its own library. Run with: python3 avangate.py > avangate_python.json
#
# Each vector has the account, its key, the gateway's clock and a header, or the path
# and body of a login; the mistakes that are to be found, none if the hash is right;
# the string that was signed; and what the last fix must say.
import base64
import email.utils
import hashlib
import hmac
import json
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

CODE = "YOURCODE123"
KEY = "a-secret-key-of-some-length"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
FORMAT = "%Y-%m-%d %H:%M:%S"
DATE = NOW.strftime(FORMAT)

vectors = []


def vector(mistakes, header=None, signed="", fix="", account=CODE, key=KEY, **more):
    v = {"mistakes": mistakes, "account": account, "key": key, "now": DATE}
    if header is not None:
        v["header"] = header
    vectors.append({**v, "signed": signed, "fix": fix, **more})


def to_sign(code=CODE, date=DATE):
    return f"{len(code.encode())}{code}{len(date.encode())}{date}"


def digest(message=None, key=KEY, algo="sha256"):
    message = to_sign() if message is None else message
    return hmac.new(key.encode(), message.encode(), algo.replace("-", "_")).hexdigest()


def header(hash, code=CODE, date=DATE, algo="sha256"):
    return f'code="{code}" date="{date}" hash="{hash}"' + (f' algo="{algo}"' if algo else "")


def signed(mistakes, message, **more):
    """What is wrong is the string to sign."""
    vector(mistakes, header(digest(message)), message, **more)


def sent(mistakes, hash, algo="sha256", **more):
    """What is wrong is the hash."""
    vector(mistakes, header(hash, algo=algo), to_sign(), **more)


# Keccak as it was before FIPS 202: hashlib has only what came of it.
def keccak_f(a):
    r = 1
    for _ in range(24):
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[x - 1] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        a = [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]
        x, y, lane = 1, 0, a[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lane, a[x][y] = a[x][y], rotate(lane, (t + 1) * (t + 2) // 2)
        a = [[a[x][y] ^ (~a[(x + 1) % 5][y] & a[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        for j in range(7):
            a[0][0] ^= (r & 1) << ((1 << j) - 1)
            r = r << 1 ^ (0x171 if r & 0x80 else 0)
    return a


def rotate(lane, n):
    n %= 64
    return (lane << n | lane >> (64 - n)) & (1 << 64) - 1


def sponge(message, size, suffix):
    rate = 200 - 2 * size
    block = bytearray(message) + bytes([suffix])
    block += bytes(-len(block) % rate)
    block[-1] |= 0x80
    a = [[0] * 5 for _ in range(5)]
    for start in range(0, len(block), rate):
        for i in range(rate // 8):
            a[i % 5][i // 5] ^= int.from_bytes(block[start + 8 * i : start + 8 * i + 8], "little")
        a = keccak_f(a)
    return b"".join(a[i % 5][i // 5].to_bytes(8, "little") for i in range(size // 8))


assert sponge(b"abc", 32, 6) == hashlib.sha3_256(b"abc").digest()
assert sponge(b"x" * 300, 64, 6) == hashlib.sha3_512(b"x" * 300).digest()
assert sponge(b"", 32, 1).hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def hand_made_hmac(function, block, key=KEY, message=None):
    k = key.encode().ljust(block, b"\0")
    inner = function(bytes(b ^ 0x36 for b in k) + (to_sign() if message is None else message).encode())
    return function(bytes(b ^ 0x5C for b in k) + inner).hex()


def sha3_256(b):
    return hashlib.sha3_256(b).digest()


def keccak(size):
    return lambda b: sponge(b, size, 1)


assert hand_made_hmac(sha3_256, 136) == digest(algo="sha3-256")

# Right.
sent([], digest())
sent([], digest(algo="sha3-256"), algo="sha3-256")
vector([], f"algo='sha256'hash='{digest()}' date='{DATE}'\tcode='{CODE}'", to_sign())
vector([], header(digest(to_sign("TËST"), algo="sha3-256"), "TËST", algo="sha3-256"), to_sign("TËST"), account="TËST")

# The string to sign.
signed(["the lengths are left out"], CODE + DATE)
signed(["the lengths are behind the values"], f"{CODE}{len(CODE)}{DATE}{len(DATE)}")
signed(["a length is missing"], f"{len(CODE)}{CODE}{DATE}")
signed(["a length is missing"], f"{CODE}{len(DATE)}{DATE}")
for message in f"{len(DATE)}{DATE}{len(CODE)}{CODE}", f"{len(CODE)}{len(DATE)}{CODE}{DATE}", f"{CODE}{DATE}{len(CODE)}{len(DATE)}", DATE + CODE:
    signed(["the lengths or values are in another order"], message)
for code in "TËST", "SHOP😀":
    message = f"{len(code)}{code}{len(DATE)}{DATE}"
    vector(["the length is in characters"], header(digest(message), code), message, account=code)
signed(["a newline is signed behind the date"], to_sign() + "\n")

# The merchant code.
signed(["another merchant code is signed than sent"], to_sign(CODE.lower()))
signed(["another merchant code is signed than sent"], to_sign(f'"{CODE}"'))
for mistake, code in (
    ("the merchant code is in another case", CODE.lower()),
    ("white space around the merchant code", CODE + " "),
    ("a quote in the merchant code", f"'{CODE}'"),
    ("a backslash in the merchant code", "YOUR\\CODE123"),
    ("the merchant code is another account's", "OTHER"),
):
    vector([mistake], header(digest(to_sign(code)), code), to_sign(code))
    vector([mistake], header(digest(), code), to_sign())
vector(["the merchant code is missing"], header(digest(to_sign("")), ""), to_sign(""))
vector(["the merchant code is missing"], header(digest(), ""), to_sign())

# The date, sent as it is signed, or only signed, or only sent.
for mistake, dates in (
    ("the date has a T or a Z", (
        NOW.replace(tzinfo=None).isoformat(),
        NOW.isoformat(),
        NOW.replace(tzinfo=None).isoformat() + "Z",
        NOW.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z",
    )),
    ("the date has a time zone", (str(NOW), DATE + " GMT", DATE + " UTC", DATE + "Z", NOW.strftime(FORMAT + " %z"))),
    ("the date has another form", (
        str(int(NOW.timestamp())),
        email.utils.format_datetime(NOW, usegmt=True),
        email.utils.format_datetime(NOW),
        NOW.strftime("%Y%m%d%H%M%S"),
        NOW.strftime("%Y/%m/%d %H:%M:%S"),
        NOW.strftime("%a %b %e %H:%M:%S UTC %Y"),
    )),
):
    for date in dates:
        vector([mistake], header(digest(to_sign(date=date)), date=date), to_sign(date=date), "2006-01-02 15:04:05")
        vector([mistake], header(digest(to_sign(date=date))), to_sign(date=date))
        vector([mistake, "the date is signed in the right form, and sent in another"], header(digest(), date=date), to_sign())
micro = NOW.replace(tzinfo=None, microsecond=123456)
vector(["the date has a T or a Z"], header(digest(to_sign(date=micro.isoformat())), date=micro.isoformat()), to_sign(date=micro.isoformat()))
vector(["the date has another form"], header(digest(to_sign(date=str(micro))), date=str(micro)), to_sign(date=str(micro)))
vector(["the date is missing, or cannot be read"], header(digest(to_sign(date="now")), date="now"), to_sign(date="now"))
vector(["the date is missing, or cannot be read"], header(digest(to_sign(date="")), date=""), to_sign(date=""))
for second in -1, 1:
    other = (NOW + timedelta(seconds=second)).strftime(FORMAT)
    signed(["the dates signed and sent are a second apart"], to_sign(date=other))

# Local time, signed or sent or both.
for hours in [h for h in range(-12, 15) if h != 0] + [-9.5, -3.5, -2.5, 3.5, 4.5, 5.5, 5.75, 6.5, 8.75, 9.5, 10.5, 12.75, 13.75]:
    zone = timezone(timedelta(hours=hours))
    local = NOW.astimezone(zone).strftime(FORMAT)
    apart = "the date is signed in one time zone and sent in another"
    off = "the date is outside the window"
    signed([apart], to_sign(date=local), fix=f"as {zone} is of UTC")
    vector([apart, off], header(digest(), date=local), to_sign(), str(zone))
    vector([off], header(digest(to_sign(date=local)), date=local), to_sign(date=local), f"if it is local time, of {zone},")

# The clock.
for seconds, says in (-301, "5 minutes 1 second behind"), (301, "5 minutes 1 second ahead of"), (-900, "15 minutes behind the gateway's clock, and 5 minutes are allowed: set the clock, and make the hash anew for each request."), (-8000, "2 hours 13 minutes 20 seconds behind"), (400 * 86400, "400 days ahead of"):
    date = (NOW + timedelta(seconds=seconds)).strftime(FORMAT)
    vector(["the date is outside the window"], header(digest(to_sign(date=date)), date=date), to_sign(date=date), says)

# The function.
sent(["SHA3-256 is used"], digest(algo="sha3-256"))
sent(["SHA-256 is used"], digest(), algo="sha3-256")
sent(["Keccak-256 is used"], hand_made_hmac(keccak(32), 136), algo="sha3-256")
sent(["the HMAC has a block of 64 bytes"], hand_made_hmac(sha3_256, 64), algo="sha3-256")
for algo in "", "md5", "sha256":
    sent(["MD5 is used"], digest(algo="md5"), algo=algo)
for algo in "sha1", "sha256":
    sent(["SHA-1 is used"], digest(algo="sha1"), algo=algo)
sent(["SHA-512 is used"], digest(algo="sha512"))
sent(["SHA3-512 is used"], digest(algo="sha3-512"))
sent(["Keccak-512 is used"], hand_made_hmac(keccak(64), 72))
sent(["algo is missing"], digest(), algo="")
sent(["algo is missing"], digest(algo="sha3-256"), algo="")
for algo in "HMAC_SHA256", "HMAC-SHA256", "HmacSHA256", "SHA-256", "SHA256", "sha2-256", "sha2", "SHA2_256":
    sent(["algo is unknown"], digest(), algo=algo, fix='algo="sha256"')
for algo in "SHA3-256", "sha3", "sha3_256", "SHA3":
    sent(["algo is unknown"], digest(algo="sha3-256"), algo=algo, fix='algo="sha3-256"')
sent(["algo is unknown", "Keccak-256 is used"], hand_made_hmac(keccak(32), 136), algo="sha3")

# No HMAC, or another.
for algo in "sha256", "sha3-256":
    plain = lambda text: hashlib.new(algo, text.encode()).hexdigest()
    sent(["a plain hash is made, and no HMAC"], plain(to_sign()), algo=algo)
    sent(["a plain hash is made, and no HMAC"], plain(KEY + to_sign()), algo=algo)
    sent(["a plain hash is made, and no HMAC"], plain(to_sign() + KEY), algo=algo)
    sent(["key and message are swapped"], digest(KEY, to_sign(), algo), algo=algo)

# The date that is read twice, and the hash that is kept.
for seconds in 10, -10, 37, 300, -599:
    other = (NOW + timedelta(seconds=seconds)).strftime(FORMAT)
    signed(["the hash is of another second than the date"], to_sign(date=other))
    if abs(seconds) in (10, 300):
        signed(["the lengths are left out", "the hash is of another second than the date"], CODE + other)

# The key.
sent(["the merchant code is taken for the key"], digest(key=CODE))
for key in KEY + "\n", KEY + "\r\n", KEY + " ", " " + KEY:
    sent(["white space around the key"], digest(key=key))
sent(["the key is empty, undefined or null"], digest(key=""))
for mistake, key, decoded in (
    ("the key is decoded from hexadecimal digits", "00112233445566778899aabbccddeeff", bytes.fromhex),
    ("the key is decoded from base64", "c29tZSBvdGhlciBrZXksIGxvbmdlcg==", base64.b64decode),
    ("the key is decoded from base64", "-_9zb21lIG90aGVyIGtleSwgbG9uZ2Vy", base64.urlsafe_b64decode),
):
    hash = hmac.new(decoded(key), to_sign().encode(), "sha256").hexdigest()
    sent([mistake], hash, key=key)

# How the hash is written.
raw = bytes.fromhex(digest())
sent(["the hash is in upper-case hexadecimal digits"], digest().upper())
sent(["the hash is in base64"], base64.b64encode(raw).decode())
sent(["the hash is in base64url"], base64.urlsafe_b64encode(raw).decode())
sent(["the hash is in base64url"], base64.urlsafe_b64encode(raw).decode().rstrip("="))
sent(["the hash is in base64 without padding"], base64.b64encode(raw).decode().rstrip("="))
sent(["the hash is the base64 of hexadecimal digits"], base64.b64encode(digest().encode()).decode())
sent(["the hash has something between its hexadecimal digits"], raw.hex(":"))
sent(["the hash has something between its hexadecimal digits"], raw.hex("-").upper())
for zeros in 1, 2:
    code = next(c for c in map(str, range(10000)) if digest(to_sign(c)).lstrip("0") == digest(to_sign(c))[zeros:])
    number = f"{int(digest(to_sign(code)), 16):x}"
    vector(["the hash lacks its leading zeros"], header(number, code), to_sign(code), account=code)

# How the header is written.
space, quotes = "the attributes are not separated by spaces", "a value is not in quotes"
vector([space], header(digest()).replace('" ', '", '), to_sign())
vector([space], header(digest()).replace('" ', '";'), to_sign())
vector([quotes], header(digest()).replace('"', ""), to_sign())
vector([space, quotes], header(digest()).replace('" ', '",').replace('"', ""), to_sign())
vector([space, quotes], header(digest()).replace('" ', '"&').replace('"', ""), to_sign())
attributes = {"code": CODE, "date": DATE, "hash": digest(), "algo": "sha256"}
escaped = "the quotes are escaped or typographic"
vector([escaped], json.dumps(header(digest()))[1:-1], to_sign())
vector([escaped], header(digest()).replace('="', "=“").replace('"', "”"), to_sign())
vector([escaped], header(digest()).replace('"', "&quot;"), to_sign())
vector([space, "a colon stands behind the name"], json.dumps(attributes), to_sign())
vector(["a colon stands behind the name"], header(digest()).replace('="', ':"'), to_sign())
names = "an attribute has another name"
vector([names], header(digest()).title().replace(CODE.title(), CODE).replace(digest().title(), digest()).replace("Sha", "sha"), to_sign())
vector([names], header(digest()).replace("code=", "merchantCode=").replace("hash=", "signature=").replace("algo=", "algorithm="), to_sign())
vector(["an attribute is there twice"], header(digest()) + f' date="{DATE}"', to_sign())
vector(["there is something else in the header"], "Bearer " + header(digest()), to_sign())
vector(["there is something else in the header"], header(digest()) + ' version="6.0"', to_sign())
vector(["the header has another form"], header(digest()) + "\r\n", to_sign())
vector(["the header has another form"], header(digest()).replace("=", " = "), to_sign())
vector(["the header has another form"], header(digest())[:-1], to_sign())

# Two at once.
signed_then = lambda mistakes, message, hash, algo="sha256": vector(mistakes, header(hash, algo=algo), message)
signed_then(["the lengths are left out", "white space around the key"], CODE + DATE, digest(CODE + DATE, KEY + "\n"))
signed_then(["the lengths are left out", "key and message are swapped"], CODE + DATE, digest(KEY, CODE + DATE))
signed_then(["Keccak-256 is used", "the HMAC has a block of 64 bytes"], to_sign(), hand_made_hmac(keccak(32), 64), "sha3-256")
signed_then(["another merchant code is signed than sent", "SHA3-256 is used"], to_sign(CODE.lower()), digest(to_sign(CODE.lower()), algo="sha3-256"))
local = NOW.astimezone(timezone(timedelta(hours=-5))).strftime(FORMAT)
signed_then(["MD5 is used", "the date is signed in one time zone and sent in another"], to_sign(date=local), digest(to_sign(date=local), algo="md5"))
signed_then(["the lengths are left out", "the date is signed in one time zone and sent in another"], CODE + local, digest(CODE + local))
local = NOW.astimezone(timezone(timedelta(hours=5.5))).strftime(FORMAT)
apart = "the date is signed in one time zone and sent in another"
vector(["the lengths are left out", apart], header(digest(CODE + local)), CODE + local, "as UTC+05:30 is of UTC.")
vector(["the lengths are left out", apart, "the date is outside the window"], header(digest(CODE + DATE), date=local), CODE + DATE, "UTC+05:30")
signed_then(["the lengths or values are in another order", "white space around the key"], DATE + CODE, digest(DATE + CODE, KEY + "\n"))
iso = NOW.replace(tzinfo=None).isoformat() + "Z"
signed_then(["the lengths are left out", "the date has a T or a Z"], CODE + iso, digest(CODE + iso))
vector([space, "the date has a T or a Z", "the hash is in base64", "the lengths are left out"],
       header(base64.b64encode(bytes.fromhex(digest(CODE + iso))).decode(), date=iso).replace('" ', '", '), CODE + iso)

# Logins.
def login(mistakes, parameters, message, **more):
    call = {"jsonrpc": "2.0", "method": "login", "params": parameters, "id": 1}
    vector(mistakes, path="/rpc/6.0/", body=json.dumps(call), signed=message, **more)
    vector(mistakes, path="/order/2.0/rpc/", body=json.dumps([{"method": "getOrder", "params": ["x"]}, call]), signed=message, **more)
    text = "".join(f"<p{i}>{escape(p)}</p{i}>" for i, p in enumerate(parameters))
    for space in "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope":
        body = f'<e:Envelope xmlns:e="{space}"><e:Body><n:login xmlns:n="urn:n">{text}</n:login></e:Body></e:Envelope>'
        vector(mistakes, path="/soap/6.0/", body=body, signed=message, **more)


login([], [CODE, DATE, digest(), "sha256"], to_sign())
login([], ["A/B&C<D", DATE, digest(to_sign("A/B&C<D")), "sha256"], to_sign("A/B&C<D"), account="A/B&C<D")
for parameters in [DATE, CODE, digest(), "sha256"], [CODE, digest(), DATE, "sha256"], [CODE, "sha256", digest(), DATE]:
    login(["the parameters are in another order"], parameters, to_sign())
login(["the parameters are in another order", "white space around the key"], [CODE, digest(key=KEY + "\n"), DATE, "sha256"], to_sign())
login(["a session id stands before the merchant code"], ["", CODE, DATE, digest(), "sha256"], to_sign())
login(["a session id stands before the merchant code"], ["1A2B3C", CODE, DATE, digest(), "sha256"], to_sign())
login(["a session id stands before the merchant code", "the lengths are left out"], ["1A2B3C", CODE, DATE, digest(CODE + DATE), "sha256"], CODE + DATE)
named = {"merchantCode": CODE, "date": DATE, "hash": digest(), "algo": "sha256"}
vector(["the parameters are given by name"], path="/rpc/6.0/", body=json.dumps({"jsonrpc": "2.0", "method": "login", "params": named, "id": 1}), signed=to_sign())
login(["algo is missing"], [CODE, DATE, digest()], to_sign())
login(["MD5 is used"], [CODE, DATE, digest(algo="md5")], to_sign())
login(["the lengths are left out"], [CODE, DATE, digest(CODE + DATE), "sha256"], CODE + DATE)
login(["the date has a T or a Z"], [CODE, iso, digest(to_sign(date=iso)), "sha256"], to_sign(date=iso))

print("[\n" + ",\n".join(json.dumps(v, ensure_ascii=False) for v in vectors) + "\n]")
