// Prints testdata/paylink_node.json: requests of the Payrexx family with wrong
// signatures, made with Node's own functions.
//
//     node testdata/paylink.mjs > testdata/paylink_node.json
import { createHash, createHmac } from 'node:crypto';
import querystring from 'node:querystring';

const SECRET = 'test-secret-of-the-shop';
const cases = [];

const rfc3986 = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
const urlencode = (s) => rfc3986(s).replace(/%20/g, '+').replace(/~/g, '%7E');
const build = (params, escape) => Object.entries(params).map(([k, v]) => escape(k) + '=' + escape(v)).join('&');
const php = (params) => build(params, urlencode);
const mac = (text, secret = SECRET, algorithm = 'sha256') => createHmac(algorithm, secret).update(text).digest('base64');

function wrong(mistakes, signed, params, { signature = mac(signed), sent = build(params, rfc3986), ...request } = {}) {
  cases.push({
    mistakes: [mistakes].flat(), language: 'Node', method: 'POST', url: '/v1.0/Gateway/?instance=example',
    type: 'application/x-www-form-urlencoded', body: (sent && sent + '&') + 'ApiSignature=' + encodeURIComponent(signature),
    secret: SECRET, string_to_sign: php(params), signed, ...request,
  });
}

// The encoders.
const odd = { purpose: "It's (50 * 2)!", 'fields[a]': 'b~c:d$e,f/g@h+i=j&k;l?m#n' };
wrong('signed as encodeURIComponent of JavaScript escapes', build(odd, encodeURIComponent), odd);
wrong('signed as encodeURIComponent of JavaScript escapes', querystring.stringify(odd), odd);
wrong('signed as encodeURIComponent of JavaScript escapes', build(odd, encodeURIComponent).replace(/%20/g, '+'), odd);
wrong('signed as encodeURI of JavaScript escapes', build(odd, encodeURI), odd);
wrong('a space is signed as %20', build({ a: 'b c' }, encodeURIComponent), { a: 'b c' });
wrong("! ' ( ) are not escaped (JavaScript, .NET)", build({ a: "(b)!'" }, encodeURIComponent), { a: "(b)!'" });
wrong('~ is not escaped (Go, Python, qs)', build({ a: '~b' }, encodeURIComponent), { a: '~b' });
wrong('* is not escaped (Java, URLSearchParams, Ruby)', new URLSearchParams(odd).toString(), odd);
wrong('brackets are not escaped', `a[b]=${encodeURIComponent('ü[]')}`, { 'a[b]': 'ü[]' });
wrong('brackets are not escaped', 'a[b]=[]', { 'a[b]': '[]' });
wrong('nothing is escaped', build(odd, (s) => s), odd);
wrong('names are not escaped', Object.entries({ 'größe[a]': 'b c' }).map(([k, v]) => k + '=' + urlencode(v)).join('&'), { 'größe[a]': 'b c' });
wrong('the parameters are escaped twice to be signed', new URLSearchParams({ a: encodeURIComponent('b c/d') }).toString(), { a: 'b c/d' });
wrong('the parameters are escaped twice to be signed', encodeURIComponent('a[b]') + '=' + 'b%2520c', { 'a[b]': 'b c' });
wrong('the parameters are sent escaped twice', new URLSearchParams({ a: 'b c/d' }).toString(), { a: encodeURIComponent('b c/d') });
wrong('a space is sent as a plus sign', php(odd), {}, { sent: new URLSearchParams(odd).toString(), string_to_sign: php(odd).replaceAll('+', '%2B') });

// Which parameters.
const shop = { purpose: 'Order 17', amount: '8925', currency: 'CHF' };
const sorted = new URLSearchParams(shop);
sorted.sort();
wrong('the parameters are sorted to be signed', sorted.toString(), shop);
wrong('the parameters are sorted to be signed', 'a%5B2%5D=x&a%5B10%5D=y&b=z', { b: 'z', 'a[10]': 'y', 'a[2]': 'x' }); // by an array's keys
wrong('the parameters are sorted to be signed', 'b=1&Z=2', { Z: '2', b: '1' }); // by localeCompare
wrong('the instance is signed', new URLSearchParams({ ...shop, instance: 'example' }).toString(), shop);
wrong('the instance is signed', new URLSearchParams({ instance: 'example', ...shop }).toString(), shop);
wrong('an ApiSignature is signed, an empty or an earlier one', new URLSearchParams({ ...shop, ApiSignature: '' }).toString(), shop);
wrong('the query is signed in place of the body', new URL('https://api.example.com/v1.0/Gateway/?instance=example').searchParams.toString(), shop);
wrong('the empty string is signed', new URLSearchParams().toString(), shop);
wrong('the model is signed, and not sent', new URLSearchParams({ model: 'Gateway', ...shop }).toString(), shop);
wrong('the indexes of a list are not signed', new URLSearchParams([['pm[]', 'visa'], ['pm[]', 'twint']]).toString(), { 'pm[0]': 'visa', 'pm[1]': 'twint' });
wrong('the indexes of a list are not signed', querystring.stringify({ pm: ['visa', 'twint'] }), { 'pm[0]': 'visa', 'pm[1]': 'twint' });

// Values.
const json = (mistakes, signed, params, string_to_sign, signature = mac(signed)) =>
  wrong(mistakes, signed, {}, { type: 'application/json', body: JSON.stringify({ ...params, ApiSignature: signature }), string_to_sign });
json('true and false are signed as text', querystring.stringify({ a: true, b: false }), { a: true, b: false }, 'a=1&b=0');
json('null is signed as text or as an empty value', new URLSearchParams({ a: null, b: 'c' }).toString(), { a: null, b: 'c' }, 'b=c');
json('null is signed as text or as an empty value', querystring.stringify({ a: null, b: 'c' }), { a: null, b: 'c' }, 'b=c');
json('null, true and false are signed as text', new URLSearchParams({ a: null, b: true }).toString(), { a: null, b: true }, 'b=1');
json('a number is signed as the JSON has it, and not as PHP prints it', querystring.stringify({ a: 0.1 + 0.2 }), { a: 0.1 + 0.2 }, 'a=0.3');
json('an empty list or object is signed as an empty value', 'a=&b=c', { a: [], b: 'c' }, 'b=c');
json('the query is signed in place of the body', new URLSearchParams({ instance: 'example' }).toString(), { a: 'b' }, 'a=b');
json('the empty string is signed', '', { a: 'b' }, 'a=b');
json('the JSON text is signed', JSON.stringify({ a: 'ü/b' }), { a: 'ü/b' }, 'a=%C3%BC%2Fb');
wrong('the JSON text is signed, and written anew to be sent', JSON.stringify({ a: 'ü/b', c: [1, { d: null }] }), {}, {
  type: 'application/json', string_to_sign: 'a=%C3%BC%2Fb&c%5B0%5D=1',
  body: JSON.stringify({ a: 'ü/b', c: [1, { d: null }], ApiSignature: mac(JSON.stringify({ a: 'ü/b', c: [1, { d: null }] })) }, null, 2),
});
for (const indent of [2, 4]) {
  const signed = JSON.stringify({ a: 'ü/b', c: [1, {}] }, null, indent);
  json('the JSON text is signed, and written anew to be sent', signed, { a: 'ü/b', c: [1, {}] }, 'a=%C3%BC%2Fb&c%5B0%5D=1');
}
wrong('an empty value is signed as the text of null', new URLSearchParams({ a: undefined, b: 'c' }).toString(), { a: '', b: 'c' });
wrong('null is sent as text, and not signed', 'b=c', {}, { sent: new URLSearchParams({ a: null, b: 'c' }).toString(), string_to_sign: 'a=null&b=c' });
wrong('null is sent as text, and signed as an empty value', querystring.stringify({ a: null, b: 'c' }), {}, { sent: new URLSearchParams({ a: null, b: 'c' }).toString(), string_to_sign: 'a=null&b=c' });
wrong('true and false are sent as text, and signed as 1 and 0', 'a=1&b=0', {}, { sent: new URLSearchParams({ a: true, b: false }).toString(), string_to_sign: 'a=true&b=false' });
wrong('true and false are sent as 1 and 0, and signed as text', new URLSearchParams({ a: true, b: false }).toString(), { a: '1', b: '0' });
wrong('the text is signed in Latin-1', escape('größe') + '=' + escape('Jürg'), { größe: 'Jürg' });

// A file in a multipart form.
const multipart = (mistakes, signed, string_to_sign) => {
  const part = (header, value) => `--B\r\nContent-Disposition: form-data; ${header}\r\n\r\n${value}\r\n`;
  wrong(mistakes, signed, {}, {
    type: 'multipart/form-data; boundary=B', string_to_sign,
    body: part('name="name"', 'My Design') + part('name="headerImage"; filename="logo.png"\r\nContent-Type: image/png', 'PNG') +
      part('name="ApiSignature"', mac(signed)) + '--B--\r\n',
  });
};
multipart('a file is signed', new URLSearchParams({ name: 'My Design', headerImage: 'logo.png' }).toString(), 'name=My+Design');
multipart('a file is signed', new URLSearchParams({ name: 'My Design', headerImage: '' }).toString(), 'name=My+Design');
multipart('a file is signed', new URLSearchParams({ name: 'My Design', headerImage: 'PNG' }).toString(), 'name=My+Design');

// Keys, hashes and codings.
const right = php(shop);
const digest = (mistakes, signature, request = {}) => wrong(mistakes, right, shop, { signature, ...request });
digest('white space around the secret', mac(right, SECRET + '\n'));
digest('the secret is empty, undefined or null', mac(right, `${process.env.NO_SUCH_SECRET_IS_SET}`));
digest('quotes around the secret', mac(right, `'${SECRET}'`));
digest('key and message are swapped', mac(SECRET, right));
digest('SHA-1 is used', mac(right, SECRET, 'sha1'));
digest('SHA-512 is used', mac(right, SECRET, 'sha512'));
digest('MD5 is used', mac(right, SECRET, 'md5'));
digest('a plain hash is made, and no HMAC', createHash('sha256').update(SECRET + right).digest('base64'));
digest('the secret is decoded from base64', mac(right, Buffer.from('bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs', 'base64')), { secret: 'bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs' });
digest('the secret is decoded from hexadecimal digits', mac(right, Buffer.from('6e6f742061207265616c20736563726574', 'hex')), { secret: '6e6f742061207265616c20736563726574' });
digest('the signature is in hexadecimal digits', createHmac('sha256', SECRET).update(right).digest('hex'));
digest('the signature is the base64 of hexadecimal digits', btoa(createHmac('sha256', SECRET).update(right).digest('hex')));
let n = 0;
while (!/\+.*\//.test(mac(`n=${n}`))) n++;
wrong('the signature is in base64url', `n=${n}`, { n }, { signature: createHmac('sha256', SECRET).update(`n=${n}`).digest('base64url') });
wrong("the signature's plus signs are not escaped, and arrive as spaces", `n=${n}`, { n },
  { method: 'GET', type: '', body: '', url: `/v1.0/Gateway/?n=${n}&ApiSignature=${mac(`n=${n}`)}&instance=example` });
digest('the signature is sent escaped twice', encodeURIComponent(mac(right)));
const query = new URL(`https://api.example.com/v1.0/Gateway/?${right}`);
wrong('a question mark is signed before the parameters', query.search, shop);
wrong('the URL is signed', query.href, shop);
wrong('the URL is signed', query.pathname + query.search, shop);
wrong('an ampersand is signed behind or before the parameters', Object.entries(shop).map(([k, v]) => `${urlencode(k)}=${urlencode(v)}&`).join(''), shop);

// Two mistakes.
wrong(['the signature is in hexadecimal digits', '* is not escaped (Java, URLSearchParams, Ruby)'], new URLSearchParams(odd).toString(), odd,
  { signature: createHmac('sha256', SECRET).update(new URLSearchParams(odd).toString()).digest('hex') });
wrong(["the signature's plus signs are not escaped, and arrive as spaces", 'the model is signed, and not sent'], ...(() => {
  for (let i = 0; ; i++) {
    const signed = `i=${i}&model=Gateway`;
    if (mac(signed).includes('+')) {
      return [signed, { i }, { method: 'GET', type: '', body: '', url: `/v1.0/Gateway/?i=${i}&ApiSignature=${mac(signed)}` }];
    }
  }
})());
json(['true and false are signed as text', 'signed as encodeURIComponent of JavaScript escapes'],
  querystring.stringify({ a: true, b: "(c * d)" }), { a: true, b: '(c * d)' }, 'a=1&b=%28c+%2A+d%29');

console.log(JSON.stringify(cases, null, 1));
