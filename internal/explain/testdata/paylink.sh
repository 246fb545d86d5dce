#!/bin/sh
# Prints testdata/paylink_openssl.json: requests of the Payrexx family with wrong
# signatures, made with openssl as scripts do.
#
#     sh testdata/paylink.sh > testdata/paylink_openssl.json
set -eu

secret=test-secret-of-the-shop
right='purpose=Order+17&amount=8925&fields%5Bname%5D=Max'
wire='purpose=Order%2017&amount=8925&fields%5Bname%5D=Max'
separator='['

# wrong MISTAKE SIGNED SIGNATURE [SECRET]; the first two are without backslashes,
# unless they are JSON already.
wrong() {
	escaped=$(printf '%s.' "$3" | sed 's/%/%25/g; s/+/%2B/g; s/\//%2F/g; s/=/%3D/g; $!s/$/%0A/' | tr -d '\n')
	printf '%s\n {"mistakes": ["%s"], "language": "openssl", "method": "POST", "url": "/v1.0/Page/?instance=example",\n' "$separator" "$1"
	printf '  "type": "application/x-www-form-urlencoded", "body": "%s&ApiSignature=%s",\n' "$wire" "${escaped%.}"
	printf '  "secret": "%s", "string_to_sign": "%s", "signed": "%s"}' "${4:-$secret}" "$right" "$2"
	separator=,
}

base64() { openssl base64 -A; }

wrong 'a newline is signed behind the parameters' "$right\\n" "$(echo "$right" | openssl dgst -sha256 -hmac "$secret" -binary | base64)"
wrong 'white space around the secret' "$right" "$(printf %s "$right" | openssl dgst -sha256 -hmac "$secret
" -binary | base64)"
wrong 'white space around the signature' "$right" "$(printf %s "$right" | openssl dgst -sha256 -hmac "$secret" -binary | openssl base64)
"
wrong 'the signature is in hexadecimal digits' "$right" "$(printf %s "$right" | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')"
wrong 'the signature is the base64 of hexadecimal digits' "$right" "$(printf %s "$(printf %s "$right" | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')" | base64)"
# What openssl dgst prints in front differs: 1.1, 3.0 of a pipe and of a file, and
# LibreSSL. The digits and the line of -r do not.
digits=$(printf %s "$right" | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')
for prefix in '' 'SHA2-256' 'HMAC-SHA2-256' 'SHA256' 'HMAC-SHA256'; do
	for line in "$prefix(stdin)= $digits" "$prefix(stdin)= $digits
"; do
		wrong 'the signature is a line that openssl or sha256sum prints' "$right" "$line"
		wrong 'the signature is a line that openssl or sha256sum prints' "$right" "$(printf %s "$line" | base64)"
	done
	wrong 'the signature is a line that openssl or sha256sum prints' "$right" "$prefix(to sign.txt)= $digits"
	wrong 'the signature is a line that openssl or sha256sum prints' "$right" "$(printf '%s(stdin)= %s\n' "$prefix" "$digits" | openssl base64)" # in two lines
done
wrong 'the signature is a line that openssl or sha256sum prints' "$right" "$(printf %s "$right" | openssl dgst -sha256 -hmac "$secret" -r)"
wrong 'the signature is a line that openssl or sha256sum prints' "$right" "SHA2-256(stdin)= $(printf %s "$right" | openssl dgst -sha256 -hmac "$secret" -c | sed 's/.* //')"
for line in "$digits  -" "$digits *-" "SHA256 (-) = $digits"; do
	wrong 'the signature is a line that openssl or sha256sum prints' "$right" "$line"
	wrong 'the signature is a line that openssl or sha256sum prints' "$right" "$(echo "$line" | openssl base64)"
done
wrong 'the signature is the base64 of hexadecimal digits' "$right" "$(echo "$digits" | base64)"
wrong 'the signature is the base64 of hexadecimal digits' "$right" "$(echo "$digits" | openssl base64)" # in two lines
wrong 'SHA-1 is used' "$right" "$(printf %s "$right" | openssl dgst -sha1 -hmac "$secret" -binary | base64)"
wrong 'SHA-512 is used' "$right" "$(printf %s "$right" | openssl dgst -sha512 -hmac "$secret" -binary | base64)"
wrong 'MD5 is used' "$right" "$(printf %s "$right" | openssl dgst -md5 -hmac "$secret" -binary | base64)"
wrong 'a plain hash is made, and no HMAC' "$right" "$(printf %s "$right" | openssl dgst -sha256 -binary | base64)"
wrong 'a plain hash is made, and no HMAC' "$right" "$(printf %s "$right$secret" | openssl dgst -sha256 -binary | base64)"
wrong 'key and message are swapped' "$right" "$(printf %s "$secret" | openssl dgst -sha256 -hmac "$right" -binary | base64)"
wrong 'the secret is empty, undefined or null' "$right" "$(printf %s "$right" | openssl dgst -sha256 -hmac null -binary | base64)"
wrong 'quotes around the secret' "$right" "$(printf %s "$right" | openssl dgst -sha256 -hmac "'$secret'" -binary | base64)"
hexadecimal=6e6f742061207265616c20736563726574
wrong 'the secret is decoded from hexadecimal digits' "$right" "$(printf %s "$right" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$hexadecimal -binary | base64)" $hexadecimal
coded=bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs
key=$(printf %s $coded | openssl base64 -d -A)
wrong 'the secret is decoded from base64' "$right" "$(printf %s "$right" | openssl dgst -sha256 -hmac "$key" -binary | base64)" $coded
wrong 'a space is signed as %20' "$wire" "$(printf %s "$wire" | openssl dgst -sha256 -hmac "$secret" -binary | base64)"
wrong 'the signature is in hexadecimal digits", "a newline is signed behind the parameters' "$right\\n" "$(echo "$right" | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')"
wrong 'white space around the signature", "the signature is in hexadecimal digits' "$right" "$digits
"
wrong 'white space around the signature", "the signature is the base64 of hexadecimal digits' "$right" "$(printf %s "$digits" | openssl base64)
"
wrong 'the signature is a line that openssl or sha256sum prints", "a plain hash is made, and no HMAC' "$right" "$(printf %s "$right$secret" | openssl dgst -sha256 -r)"
wrong 'the signature is a line that openssl or sha256sum prints", "SHA-512 is used' "$right" "$(printf 'HMAC-SHA2-512(stdin)= %s\n' "$(printf %s "$right" | openssl dgst -sha512 -hmac "$secret" | sed 's/.* //')" | openssl base64)"
printf '\n]\n'
