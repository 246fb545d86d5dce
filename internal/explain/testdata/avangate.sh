#!/bin/sh
# Prints avangate_openssl.json, see avangate.py: the mistakes that are made in a
# shell, with openssl. Run with: sh avangate.sh > avangate_openssl.json
set -eu

code=YOURCODE123
key=a-secret-key-of-some-length
date='2026-01-02 03:04:05'
message="${#code}$code${#date}$date"
separator='['

# vector MISTAKE HASH ALGO KEY SIGNED, of which the last is written as JSON has it
vector() {
	header="code='$code' date='$date' hash='$2'"
	[ -z "$3" ] || header="$header algo='$3'"
	printf '%s\n{"mistakes": [%s], "account": "%s", "key": "%s", "now": "%s", "header": "%s", "signed": "%s", "fix": ""}' \
		"$separator" "${1:+\"$1\"}" "$code" "$4" "$date" "$header" "$5"
	separator=,
}
digest() { openssl dgst "$@" | sed 's/^.*= //'; }

vector '' "$(printf %s "$message" | digest -sha256 -hmac "$key")" sha256 "$key" "$message"
vector '' "$(printf %s "$message" | digest -sha3-256 -hmac "$key")" sha3-256 "$key" "$message"
vector 'a newline is signed behind the date' "$(echo "$message" | digest -sha256 -hmac "$key")" sha256 "$key" "$message\\n"
vector 'a newline is signed behind the date' "$(echo "$message" | digest -sha3-256 -hmac "$key")" sha3-256 "$key" "$message\\n"
vector 'the lengths are left out' "$(printf %s "$code$date" | digest -sha256 -hmac "$key")" sha256 "$key" "$code$date"
vector 'MD5 is used' "$(printf %s "$message" | digest -md5 -hmac "$key")" '' "$key" "$message"
vector 'SHA-1 is used' "$(printf %s "$message" | digest -sha1 -hmac "$key")" sha256 "$key" "$message"
vector 'SHA-512 is used' "$(printf %s "$message" | digest -sha512 -hmac "$key")" sha256 "$key" "$message"
vector 'algo is missing' "$(printf %s "$message" | digest -sha256 -hmac "$key")" '' "$key" "$message"
vector 'SHA3-256 is used' "$(printf %s "$message" | digest -sha3-256 -hmac "$key")" sha256 "$key" "$message"
vector 'a plain hash is made, and no HMAC' "$(printf %s "$message" | digest -sha256)" sha256 "$key" "$message"
vector 'a plain hash is made, and no HMAC' "$(printf %s "$key$message" | digest -sha256)" sha256 "$key" "$message"
vector 'key and message are swapped' "$(printf %s "$key" | digest -sha256 -hmac "$message")" sha256 "$key" "$message"
vector 'white space around the key' "$(printf %s "$message" | digest -sha256 -hmac "$key ")" sha256 "$key" "$message"
vector 'the hash is in base64' "$(printf %s "$message" | openssl dgst -sha256 -hmac "$key" -binary | openssl base64)" sha256 "$key" "$message"
vector 'the hash has something between its hexadecimal digits' "$(printf %s "$message" | openssl dgst -sha256 -hmac "$key" -c | sed 's/^.*= //')" sha256 "$key" "$message"
vector 'the hash is a line that openssl or sha256sum prints' "SHA2-256(stdin)= $(printf %s "$message" | digest -sha256 -hmac "$key")" sha256 "$key" "$message"
hex=00112233445566778899aabbccddeeff
vector 'the key is decoded from hexadecimal digits' "$(printf %s "$message" | digest -sha256 -mac HMAC -macopt "hexkey:$hex")" sha256 "$hex" "$message"
printf '\n]\n'
