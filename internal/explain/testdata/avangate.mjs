// Prints avangate_node.json, see avangate.py: the mistakes that are made in
// JavaScript. Run with: node avangate.mjs > avangate_node.json
import { createHash, createHmac } from 'node:crypto';

const code = 'YOURCODE123';
const key = 'a-secret-key-of-some-length';
const now = new Date(Date.UTC(2026, 0, 2, 3, 4, 5));
const iso = now.toISOString();
const date = iso.slice(0, 19).replace('T', ' ');
const vectors = [];

const toSign = (c = code, d = date) => Buffer.byteLength(c) + c + Buffer.byteLength(d) + d;
const hmac = (message, k = key, algo = 'sha256', encoding = 'hex') => createHmac(algo, k).update(message).digest(encoding);
const header = (hash, { c = code, d = date, algo = 'sha256' } = {}) => `code="${c}" date="${d}" hash="${hash}" algo="${algo}"`;

function vector(mistakes, header, signed, more = {}) {
  vectors.push({ mistakes, account: code, key, now: date, header, signed, fix: '', ...more });
}

// As the vendor's SDK for Node writes it.
vector([], `code='${code}' date='${date}' hash='${hmac(toSign())}'algo='sha256'`, toSign());
vector([], header(hmac(toSign(), key, 'sha3-256'), { algo: 'sha3-256' }), toSign());

// Dates.
vector(['the date has a T or a Z'], header(hmac(toSign(code, iso)), { d: iso }), toSign(code, iso));
vector(['the date has a T or a Z'], header(hmac(toSign(code, iso))), toSign(code, iso));
vector(['the date has a T or a Z', 'the date is signed in the right form, and sent in another'], header(hmac(toSign()), { d: iso }), toSign());
vector(['the date has another form'], header(hmac(toSign(code, now.toUTCString())), { d: now.toUTCString() }), toSign(code, now.toUTCString()));
const seconds = String(Math.floor(now / 1000));
vector(['the date has another form'], header(hmac(toSign(code, seconds)), { d: seconds }), toSign(code, seconds));
for (const [zone, offset] of [['Asia/Kolkata', '+05:30'], ['America/New_York', '-05:00'], ['Asia/Kathmandu', '+05:45'], ['Pacific/Chatham', '+13:45']]) {
  const local = now.toLocaleString('sv-SE', { timeZone: zone });
  vector(['the date is signed in one time zone and sent in another'], header(hmac(toSign(code, local))), toSign(code, local), { fix: `as UTC${offset} is of UTC` });
  vector(['the date is outside the window'], header(hmac(toSign(code, local)), { d: local }), toSign(code, local), { fix: `UTC${offset}` });
}

// .length counts units of UTF-16.
for (const c of ['TËST', 'SHOP😀']) {
  const message = c.length + c + date.length + date;
  vector(['the length is in characters'], header(hmac(message), { c }), message, { account: c });
}

// The hash.
const bare = code + date;
vector(['the lengths are left out'], header(hmac(bare)), bare);
vector(['the hash is in base64'], header(hmac(toSign(), key, 'sha256', 'base64')), toSign());
vector(['the hash is in base64url'], header(hmac(toSign(), key, 'sha256', 'base64url')), toSign());
vector(['the hash is the base64 of hexadecimal digits'], header(btoa(hmac(toSign()))), toSign());
vector(['the hash is in upper-case hexadecimal digits'], header(hmac(toSign()).toUpperCase()), toSign());
vector(['key and message are swapped'], header(hmac(key, toSign())), toSign());
vector(['a plain hash is made, and no HMAC'], header(createHash('sha256').update(toSign()).digest('hex')), toSign());
vector(['a plain hash is made, and no HMAC'], header(createHash('sha256').update(toSign() + key).digest('hex')), toSign());
vector(['MD5 is used'], header(hmac(toSign(), key, 'md5'), { algo: 'md5' }), toSign());
vector(['SHA-512 is used'], header(hmac(toSign(), key, 'sha512'), { algo: 'sha512' }), toSign());
vector(['SHA3-256 is used'], header(hmac(toSign(), key, 'sha3-256')), toSign());
vector(['white space around the key'], header(hmac(toSign(), `${key}\r\n`)), toSign());
vector(['the key is empty, undefined or null'], header(hmac(toSign(), '')), toSign());
const hexKey = '00112233445566778899aabbccddeeff';
vector(['the key is decoded from hexadecimal digits'], header(hmac(toSign(), Buffer.from(hexKey, 'hex'))), toSign(), { key: hexKey });
const base64Key = 'c29tZSBvdGhlciBrZXksIGxvbmdlcg==';
vector(['the key is decoded from base64'], header(hmac(toSign(), Buffer.from(base64Key, 'base64'))), toSign(), { key: base64Key });
vector(['algo is missing'], header(hmac(toSign())).replace(/ algo=.*/, ''), toSign());

// An HMAC of SHA-3 by hand.
const block = 64;
const padded = Buffer.concat([Buffer.from(key), Buffer.alloc(block - key.length)]);
const sha3 = (...parts) => createHash('sha3-256').update(Buffer.concat(parts)).digest();
const narrow = sha3(padded.map((b) => b ^ 0x5c), sha3(padded.map((b) => b ^ 0x36), Buffer.from(toSign()))).toString('hex');
vector(['the HMAC has a block of 64 bytes'], header(narrow, { algo: 'sha3-256' }), toSign());

// The header.
const attributes = { code, date, hash: hmac(toSign()), algo: 'sha256' };
vector(['the attributes are not separated by spaces', 'a colon stands behind the name'], JSON.stringify(attributes), toSign());
vector(['the quotes are escaped or typographic'], JSON.stringify(header(attributes.hash)).slice(1, -1), toSign());
vector(['the attributes are not separated by spaces', 'a value is not in quotes'], Object.entries(attributes).map(([k, v]) => `${k}=${v}`).join(', '), toSign());
vector(['the attributes are not separated by spaces', 'algo is unknown', 'the date has a T or a Z', 'the hash is in base64'],
  `code="${code}", date="${iso}", hash="${hmac(toSign(code, iso), key, 'sha256', 'base64')}", algo="HMAC_SHA256"`, toSign(code, iso));

// A login.
const login = { jsonrpc: '2.0', method: 'login', params: [code, iso, hmac(toSign(code, iso)), 'sha256'], id: 1 };
vectors.push({ mistakes: ['the date has a T or a Z'], account: code, key, now: date, path: '/rpc/6.0/', body: JSON.stringify(login), signed: toSign(code, iso), fix: '' });

console.log('[\n' + vectors.map((v) => JSON.stringify(v)).join(',\n') + '\n]');
