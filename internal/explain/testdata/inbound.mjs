// Prints inbound_node.json, see inbound.py: the mistakes that are made in JavaScript. Run
// with: node inbound.mjs > inbound_node.json
import { createHmac } from 'node:crypto';

const key = 'a-secret-key-of-some-length';
const vectors = [];
const vector = (kind, mistakes, more) => vectors.push({ kind, mistakes, key, ...more });
const mac = (text, algo = 'sha256', encoding = 'hex', k = key) => createHmac(algo, k).update(text).digest(encoding);
const source = (values, length = (v) => Buffer.byteLength(v)) => values.map((v) => length(v) + v).join('');

const fields = [
  ['REFNO', '240000001'], ['COMPANY', ''], ['FIRSTNAME', ' Jürg & Söhne '], ['10', 'ten'], ['9', 'nine'], ['IPN_PNAME[]', 'Größe “L” 😀'], ['IPN_DATE', '20260304050608'],
];
const values = fields.map(([, v]) => v);
const body = new URLSearchParams(fields).toString();
const ipn = (mistakes, hash, field = 'SIGNATURE_SHA2_256') => vector('ipn', mistakes, { body: `${body}&${field}=${hash}` });

ipn([], mac(source(values)));
ipn([], mac(source(values), 'sha3-256'), 'SIGNATURE_SHA3_256');
ipn(['the length is in characters'], mac(source(values, (v) => v.length)));
ipn(['the values are trimmed'], mac(source(values.map((v) => v.trim()))));
// As the vendor's SDK for Node hashes them.
ipn(['the values are trimmed', 'the length is in characters'], mac(source(values.map((v) => v.trim()), (v) => v.length)));
ipn(['the order is lost: names that are numbers come first'], mac(source(Object.values(Object.fromEntries(fields)))));
ipn(['empty values are left out'], mac(source(values.filter((v) => v))));
ipn(['the values are hashed with their escapes'], mac(source(values.map((v) => encodeURIComponent(v)))));
ipn(['fields of a hash are hashed, too'], mac(source([...values, ''])), 'SIGNATURE_SHA3_256=&SIGNATURE_SHA2_256');
ipn(['the order is lost: the fields are sorted'], mac(source([...fields].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, v]) => v))));
ipn(['the key is empty, undefined or null'], mac(source(values), 'sha256', 'hex', 'undefined'));
ipn([], mac(source(values)).toUpperCase());

const json = '{"transaction": {"id": 1, "amount": 49.90, "total": 20.0, "note": "Größe/L"}}';
const webhook = (mistakes, signature, b = json) => vector('webhook', mistakes, { body: b, signature });
webhook([], mac(json));
webhook(['the JSON is parsed and written anew'], mac(JSON.stringify(JSON.parse(json))));
webhook(['the JSON is parsed and written anew'], mac(JSON.stringify(JSON.parse(json), null, 2)));
webhook(['the signature is in base64'], mac(json, 'sha256', 'base64'));
webhook(['SHA-512 is used'], mac(json, 'sha512'));
webhook(['key and message are swapped'], mac(key, 'sha256', 'hex', json));

const link = [['merchant', 'YOURCODE123'], ['prod', 'A;B'], ['qty', '1;2'], ['return-url', 'https://shop.example/bück?a=b'], ['expiration', '1893456000']];
const signed = link.slice(1).sort(([a], [b]) => (a < b ? -1 : 1));
const buy = (mistakes, signature, l = link) => vector('buylink', mistakes, { url: `https://secure.2checkout.com/checkout/buy?${new URLSearchParams(l)}&signature=${signature}` });
buy([], mac(source(signed.map(([, v]) => v))));
buy(['the length is in characters'], mac(source(signed.map(([, v]) => v), (v) => v.length)));
buy(['the return-url is signed with its escapes'], mac(source(signed.map(([n, v]) => (n === 'return-url' ? encodeURIComponent(v) : v)))));
buy(['the expiration is signed in milliseconds'], mac(source(signed.map(([n, v]) => (n === 'expiration' ? v * 1000 : v) + ''))));
buy(['the lengths are left out'], mac(signed.map(([, v]) => v).join('')));

process.stdout.write(JSON.stringify(vectors, null, 1) + '\n');
