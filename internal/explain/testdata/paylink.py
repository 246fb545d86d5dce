# Prints testdata/paylink_python.json: requests of the Payrexx family with wrong
# signatures, made with Python's own functions. What stands for another language
# is written as its documents and sources describe it.
#
#     python3 testdata/paylink.py > testdata/paylink_python.json
import base64
import hashlib
import hmac
import html
import json
import re
from urllib.parse import quote, quote_plus, unquote_plus, urlencode, urlsplit

SECRET = 'test-secret-of-the-shop'
cases = []


def php(params):
    """http_build_query of text values"""
    return '&'.join(quote_plus(k, safe='').replace('~', '%7E') + '=' + quote_plus(v, safe='').replace('~', '%7E') for k, v in params.items())


def rfc3986(params):
    return '&'.join(quote(k, safe='') + '=' + quote(v, safe='') for k, v in params.items())


def mac(text, secret=SECRET, algorithm='sha256'):
    return hmac.new(secret.encode() if isinstance(secret, str) else secret, text.encode() if isinstance(text, str) else text, algorithm).digest()


def case(mistakes, signed, params, signature=None, language='Python', **request):
    """A form, unless the request says otherwise, and the string that was signed."""
    if signature is None:
        signature = base64.b64encode(mac(signed)).decode()
    if isinstance(mistakes, str):
        mistakes = [mistakes]
    sent = request.pop('sent', rfc3986(params))
    c = {
        'mistakes': mistakes, 'language': language, 'method': 'POST', 'url': '/v1.0/Gateway/?instance=example',
        'type': 'application/x-www-form-urlencoded', 'body': (sent and sent + '&') + 'ApiSignature=' + quote(signature, safe=''),
        'secret': SECRET, 'string_to_sign': php(params), 'signed': signed,
    }
    c.update(request)
    cases.append(c)


def hexadecimal(text):
    return mac(text).hex()


shop = {'purpose': 'Order 17', 'amount': '8925', 'currency': 'CHF', 'fields[email][value]': 'max@example.com', 'url': 'https://example.com/ok~1'}

# The encoders.
case('~ is not escaped (Go, Python, qs)', urlencode(shop), shop)
case('/ is not escaped', urlencode({'a': 'x/y z'}, safe='/'), {'a': 'x/y z'})
case('a space is signed as %20', urlencode(shop, quote_via=quote, safe=''), shop)
case('signed as quote of Python escapes', '&'.join(quote(k) + '=' + quote(v) for k, v in shop.items()), shop)
case('nothing is escaped', unquote_plus(urlencode(shop)), shop)
case('names are not escaped', 'felder[größe]=a+b', {'felder[größe]': 'a b'})
case('brackets are not escaped', php(shop).replace('%5B', '[').replace('%5D', ']'), shop)
case('the parameters are escaped twice to be signed', php({k: quote(v, safe='') for k, v in shop.items()}), shop)
case('the parameters are sent escaped twice', php({'purpose': 'Order 17/b'}), {'purpose': 'Order%2017%2Fb'})
case('the parameters and the signature are sent escaped twice', php({'purpose': 'Order 17/b'}), {'purpose': 'Order%2017%2Fb'},
     signature=quote(base64.b64encode(mac(php({'purpose': 'Order 17/b'}))).decode(), safe=''))
case('the signature is sent escaped twice', php(shop), shop, signature=quote(base64.b64encode(mac(php(shop))).decode(), safe=''))
case('a space is sent as a plus sign', php(shop), shop, sent=php(shop), string_to_sign=php(shop).replace('+', '%2B'))
case('a plus sign is sent unescaped', php({'a': 'b+c'}), {}, method='GET', type='', body='', string_to_sign='a=b+c',
     url='/v1.0/Gateway/?instance=example&a=b+c&ApiSignature=' + quote(base64.b64encode(mac(php({'a': 'b+c'}))).decode(), safe=''))
case('the text is signed as it is sent', 'a=%62%20c&d=%C3%BC', {}, sent='a=%62%20c&d=%C3%BC', string_to_sign='a=b+c&d=%C3%BC')
case(['a plus sign is sent unescaped', 'the text is signed as it is sent'], 'a=b%20c&d=%c3%bc&e=1+2', {}, sent='a=b%20c&d=%c3%bc&e=1+2', string_to_sign='a=b+c&d=%C3%BC&e=1%2B2')

# Charsets.
case('the text is signed in Latin-1', urlencode({'name': 'Jürg Müller'}, encoding='latin-1'), {'name': 'Jürg Müller'})
case('the text is sent in Latin-1', php({'name': 'Jürg'}), {}, sent='name=J%FCrg', string_to_sign='name=J%FCrg')
case('the text is put into UTF-8 twice to be signed',
     urlencode({'name': 'Jürg'.encode().decode('latin-1')}), {'name': 'Jürg'})

# Which parameters.
case('the instance is signed', urlencode({'instance': 'example', 'a': 'b'}), {'a': 'b'})
case('the instance is signed', urlencode({'a': 'b', 'instance': 'example'}), {'a': 'b'})
case('the instance is signed', 'a=b&instance=example&c=d', {}, sent='a=b&instance=example&c=d', url='/v1.0/Page/', string_to_sign='a=b&c=d')
case('the empty string is signed', '', shop)
case('the query is signed in place of the body', urlsplit('https://api.example.com/v1.0/Gateway/?instance=example').query, shop)
case('the query is signed in place of the body', 'a=b&instance=example', shop, url='/v1.0/Gateway/?a=b&instance=example')
case('the query is signed in place of the body', 'a=b', shop, url='/v1.0/Gateway/?a=b&instance=example')
case('an ApiSignature is signed, an empty or an earlier one', urlencode({'a': 'b', 'ApiSignature': ''}), {'a': 'b'})
for earlier in (quote_plus(base64.b64encode(mac(php(shop))).decode()), base64.b64encode(mac(php(shop))).decode()):
    case('an ApiSignature is signed, an empty or an earlier one', php(shop) + '&ApiSignature=[redacted]', shop,
         signature=base64.b64encode(mac(php(shop) + '&ApiSignature=' + earlier)).decode())
case('the model is signed, and not sent', urlencode({'a': 'b', 'model': 'Gateway'}), {'a': 'b'})
case('the id is signed, and not sent', 'id=17', {}, method='DELETE', type='', body='', string_to_sign='',
     url='/v1.0/Gateway/17/?ApiSignature=' + quote(base64.b64encode(mac('id=17')).decode(), safe='') + '&instance=example')
case('the model and the id are signed, and not sent', 'model=Gateway&id=17&a=b', {'a': 'b'}, url='/v1.0/Gateway/17/?instance=example')
case('the model and the id are signed, and not sent', 'id=17&a=b&model=Gateway', {'a': 'b'}, url='/v1.0/Gateway/17/?instance=example')
case('the model is sent, and not signed', 'a=b', {'a': 'b', 'model': 'Gateway'})
case('the id is sent, and not signed', 'a=b', {'id': '17', 'a': 'b'})
case('the model and the id are sent, and not signed', 'a=b', {'id': '17', 'a': 'b', 'model': 'Gateway'})
case('the parameters are sorted to be signed', php(dict(sorted(shop.items()))), shop)
case('the indexes of a list are not signed', urlencode({'pm[]': ['visa', 'twint']}, doseq=True), {'pm[0]': 'visa', 'pm[1]': 'twint'})
case('the indexes of a list are not signed', urlencode({'pm': ['visa', 'twint']}, doseq=True), {'pm[0]': 'visa', 'pm[1]': 'twint'})
case('the indexes of a list are not signed', urlencode({'pm[]': ['visa', 'twint']}, doseq=True), {'pm[0]': 'visa', 'pm[1]': 'twint'},
     sent='pm%5B%5D=visa&pm%5B%5D=twint')
case('nested names are signed with dots', 'basket.0.name=x', {'basket[0][name]': 'x'})
case('nested names are signed with dots', 'basket%5B0%5D.name=x', {'basket[0][name]': 'x'})
case('names are signed as they are sent, and PHP reads them otherwise', 'a.b=1', {}, sent='a.b=1', string_to_sign='a_b=1')
case('names are signed as they are sent, and PHP reads them otherwise', 'a=1&a=2', {}, sent='a=1&a=2', string_to_sign='a=2')
case('names are signed as they are sent, and PHP reads them otherwise', urlencode({'h[0]': 'a', 'i': 9, 'h[1]': 'b'}), {},
     sent='h%5B0%5D=a&i=9&h%5B1%5D=b', string_to_sign='h%5B0%5D=a&h%5B1%5D=b&i=9')
case('the images of a Design are sent as text, and not signed', 'name=x', {'name': 'x', 'headerImage': 'data'})

# Values.
case('empty values are sent, and not signed', 'a=b', {'a': 'b', 'c': ''})
case('an empty value is signed as the text of null', urlencode({'a': 'b', 'c': None}), {'a': 'b', 'c': ''})
case('null is sent as text, and not signed', 'a=b', {}, sent=urlencode({'a': 'b', 'c': None}), string_to_sign='a=b&c=None')
case('true and false are sent as text, and signed as 1 and 0', 'a=1&b=0', {}, sent=urlencode({'a': True, 'b': False}), string_to_sign='a=True&b=False')
case('true and false are sent as 1 and 0, and signed as text', urlencode({'a': True, 'b': False}), {'a': '1', 'b': '0'})
case('true and false are sent as text, and signed in other letters', urlencode({'a': True, 'b': False}), {'a': json.dumps(True), 'b': json.dumps(False)})
case('true and false are sent as text, and signed in other letters', urlencode({'a': 'true', 'b': 'false'}), {'a': str(True), 'b': str(False)})
for quote_them in (True, False):
    plain = {'a': '<b c="d">', 'e': "f & 'g'", 'h[i]': '&amp;'}
    escaped = {k: html.escape(v, quote_them) for k, v in plain.items()}
    case('the values are escaped as HTML to be signed', php(escaped), plain)
    case('the values are escaped as HTML to be sent', php(plain), escaped)


def json_case(mistakes, signed, sent, string_to_sign, signature=None):
    """sent ends with a closing brace"""
    signature = signature or base64.b64encode(mac(signed)).decode()
    case(mistakes, signed, {}, type='application/json', string_to_sign=string_to_sign, body=sent[:-1] + ', "ApiSignature": "' + signature + '"}')


typed = {'a': True, 'b': False, 'c': 'x'}
json_case('true and false are signed as text', urlencode(typed), json.dumps(typed), 'a=1&b=0&c=x')
json_case('null is signed as text or as an empty value', urlencode({'a': None, 'c': 'x'}), json.dumps({'a': None, 'c': 'x'}), 'c=x')
json_case('null, true and false are signed as text', urlencode({'a': None, 't': True}), json.dumps({'a': None, 't': True}), 't=1')
json_case('a number is signed as the JSON has it, and not as PHP prints it', 'amount=8.10&n=1.0', '{"amount": 8.10, "n": 1.0}', 'amount=8.1&n=1')
json_case('an empty list or object is signed as an empty value', 'a=&b=c', '{"a": [], "b": "c"}', 'b=c')
text = json.dumps({'purpose': 'Für Max/Moritz', 'amount': 17})
json_case('the JSON text is signed', text, text, 'purpose=F%C3%BCr+Max%2FMoritz&amount=17')
compact = json.dumps({'purpose': 'Für Max/Moritz', 'amount': 17}, separators=(',', ':'), ensure_ascii=False)
json_case('the JSON text is signed, and written anew to be sent', text, compact, 'purpose=F%C3%BCr+Max%2FMoritz&amount=17')
nested = {'purpose': 'Für <Max>/Moritz', 'list': [1, {'a': 'b'}], 'none': {}}
for style in ({'indent': 4}, {'indent': 2}, {'indent': 4, 'ensure_ascii': False}, {'ensure_ascii': False}):
    text = json.dumps(nested, **style)
    string_to_sign = 'purpose=F%C3%BCr+%3CMax%3E%2FMoritz&list%5B0%5D=1&list%5B1%5D%5Ba%5D=b'
    json_case('the JSON text is signed, and written anew to be sent', text, json.dumps(nested, separators=(',', ':')), string_to_sign)
    signature = base64.b64encode(mac(text)).decode()
    for sent in ({**nested, 'ApiSignature': signature}, {'ApiSignature': signature, **nested}):
        case('the JSON text is signed', text, {}, type='application/json', string_to_sign=string_to_sign, body=json.dumps(sent, **style))
# Keys and hashes.
right = php(shop)


def keyed(mistakes, signature, **more):
    case(mistakes, right, shop, signature=base64.b64encode(signature).decode(), **more)


keyed('white space around the secret', mac(right, SECRET + '\n'))
keyed('the secret is empty, undefined or null', mac(right, ''))
keyed('the secret is empty, undefined or null', mac(right, str(None)))
keyed('quotes around the secret', mac(right, '"%s"' % SECRET))
keyed('key and message are swapped', mac(SECRET, right))
keyed('a plain hash is made, and no HMAC', hashlib.sha256((right + SECRET).encode()).digest())
keyed('SHA-1 is used', mac(right, algorithm='sha1'))
keyed('SHA-512 is used', mac(right, algorithm='sha512'))
keyed('MD5 is used', mac(right, algorithm='md5'))
coded = 'bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs'
keyed('the secret is decoded from base64', mac(right, base64.b64decode(coded)), secret=coded)
coded = '6e6f742061207265616c20736563726574'
keyed('the secret is decoded from hexadecimal digits', mac(right, bytes.fromhex(coded)), secret=coded)

# Codings.
case('the signature is in hexadecimal digits', right, shop, signature=mac(right).hex())
case('the signature is the base64 of hexadecimal digits', right, shop, signature=base64.b64encode(mac(right).hex().encode()).decode())
for n in range(100):
    params = {'n': str(n)}
    signature = base64.b64encode(mac(php(params))).decode()
    if '+' in signature and '/' in signature:
        break
case('the signature is in base64url', php(params), params, signature=base64.urlsafe_b64encode(mac(php(params))).decode())
case('the signature is in base64url', php(params), params, signature=base64.urlsafe_b64encode(mac(php(params))).decode().rstrip('='))
case('the signature is in base64 without padding', php(params), params, signature=signature.rstrip('='))
case("the signature's plus signs are not escaped, and arrive as spaces", php(params), params, method='GET', type='', body='',
     url='/v1.0/Gateway/?' + rfc3986(params) + '&ApiSignature=' + signature + '&instance=example')
case('white space around the signature', right, shop, signature=base64.encodebytes(mac(right)).decode())

# What stands around the parameters.
case('a newline is signed behind the parameters', right + '\n', shop)
case('a question mark is signed before the parameters', '?' + right, shop)
case('an ampersand is signed behind or before the parameters', right + '&', shop)
case('the URL is signed', '/v1.0/Gateway/?' + right, shop)
case('the URL is signed', 'https://api.example.com/v1.0/Gateway/?' + right, shop)

# Where they were sent.
case('the signature is sent in the query, beside a body', right, shop, body=rfc3986(shop),
     url='/v1.0/Gateway/?instance=example&ApiSignature=' + quote(base64.b64encode(mac(right)).decode(), safe=''))
case('the parameters are sent in the query, beside a body', 'a=b', {}, type='application/json', body='null', string_to_sign='', method='GET',
     url='/v1.0/Gateway/?a=b&instance=example&ApiSignature=' + quote(base64.b64encode(mac('a=b')).decode(), safe=''))

# Two mistakes.
case(['the signature is in hexadecimal digits', '~ is not escaped (Go, Python, qs)'], urlencode(shop), shop, signature=hexadecimal(urlencode(shop)))
case(['the parameters are sorted to be signed', '~ is not escaped (Go, Python, qs)'], urlencode(dict(sorted(shop.items()))), shop)
case(['the instance is signed', 'a space is signed as %20'], urlencode({**shop, 'instance': 'example'}, quote_via=quote, safe=''), shop)
case(['~ is not escaped (Go, Python, qs)', 'white space around the secret'], urlencode(shop), shop,
     signature=base64.b64encode(mac(urlencode(shop), SECRET + '\n')).decode())
case(['the model is signed, and not sent', 'the parameters are sorted to be signed'], php(dict(sorted({**shop, 'model': 'Gateway'}.items()))), shop)
case(['SHA-1 is used', 'a newline is signed behind the parameters'], right + '\n', shop, signature=base64.b64encode(mac(right + '\n', algorithm='sha1')).decode())
case(['MD5 is used', 'the text is signed in Latin-1'], urlencode({'name': 'Jürg'}, encoding='latin-1'), {'name': 'Jürg'},
     signature=base64.b64encode(mac(urlencode({'name': 'Jürg'}, encoding='latin-1'), algorithm='md5')).decode())
case(['the signature is in base64 without padding', 'the secret is decoded from hexadecimal digits'], php(params), params, secret=coded,
     signature=base64.b64encode(mac(php(params), bytes.fromhex(coded))).decode().rstrip('='))
json_case(['the signature is in hexadecimal digits', 'true and false are signed as text'], urlencode(typed), json.dumps(typed), 'a=1&b=0&c=x', hexadecimal(urlencode(typed)))


# Other languages, by their documents and sources.
def escape(keep, space, lower=False):
    """An encoder that keeps letters, digits and some more."""
    def byte(m):
        c = m.group()[0]
        return space if c == 0x20 else (b'%%%02x' if lower else b'%%%02X') % c
    return lambda s: re.sub(rb'[^0-9A-Za-z%s]' % re.escape(keep), byte, s.encode()).decode()


def other(language, mistakes, e, params):
    case(mistakes, '&'.join(e(k) + '=' + e(v) for k, v in params.items()), params, language=language)


odd = {'purpose': "It's (50 * 2)!", 'fields[a]': 'b~c:d$e,f/g@h+i=j&k;l?m#n'}
other('Ruby', '* is not escaped (Java, URLSearchParams, Ruby)', escape(b'*-._', b'+'), odd)  # URI.encode_www_form_component
other('Ruby', '~ is not escaped (Go, Python, qs)', escape(b'-._~', b'+'), odd)  # CGI.escape
other('.NET', 'signed as UrlEncode of .NET escapes', escape(b'-_.!*()', b'+'), odd)  # WebUtility.UrlEncode
other('.NET', 'signed as UrlEncode of .NET escapes', escape(b'-_.!*()', b'+', lower=True), odd)  # HttpUtility.UrlEncode
other('.NET', 'a space is signed as %20', escape(b'-_.~', b'%20'), odd)  # Uri.EscapeDataString since .NET Framework 4.5
other('.NET', "! ' ( ) are not escaped (JavaScript, .NET)", escape(b'-_.!*()', b'+'), {'a': 'b (c)!'})
other('.NET', 'signed with small hexadecimal digits', escape(b'-_.!*()', b'+', lower=True), {'a[b]': 'c/d'})
other('axios', 'signed as axios escapes', escape(b"-_.!~*'():$,", b'+'), odd)  # lib/helpers/buildURL.js, 1.x
other('axios', 'signed as axios escapes', escape(b"-_.!~*'():$,[]", b'+'), odd)  # the same, 0.x

print(json.dumps(cases, indent=1, ensure_ascii=False))
