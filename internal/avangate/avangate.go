// Package avangate is what is known of 2Checkout, once Avangate, that more than one
// package needs: its hosts, the paths of its protocols, the names in its header and in
// its refusals, its hash functions, how values are joined to be signed, and what the
// account itself signs so.
//
// The sources are the vendor's documents and SDKs; docs/2checkout.md says for each
// fact which, and how sure it is. Nothing here holds a secret or sends anything.
package avangate

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"hash"
	"slices"
	"strconv"
	"time"

	// On purpose, and not crypto/sha3, which it wraps: do not let go fix inline it.
	"golang.org/x/crypto/sha3"
)

// Header is the name of REST's header, as net/http writes it.
const Header = "X-Avangate-Authentication"

// The names of the header's attributes, in the order of the documents.
const (
	Code = "code" // the merchant code
	Date = "date" // in UTC, as DateLayout has it
	Hash = "hash" // 64 lower-case hexadecimal digits
	Algo = "algo" // the name of a Function
)

// DateLayout is PHP's Y-m-d H:i:s. The vendor answers RFC 3339 with 401.
const DateLayout = time.DateTime

// FormatHeader returns the header's value, as the vendor's documents write it. It
// has no way to escape a quote or a backslash.
func FormatHeader(code, date, hash, algo string) string {
	return Code + `="` + code + `" ` + Date + `="` + date + `" ` + Hash + `="` + hash + `" ` + Algo + `="` + algo + `"`
}

// A Function is a hash function under an HMAC.
type Function struct {
	Name string // as the vendor writes it in algo
	New  func() hash.Hash
}

// The functions that the vendor takes since API 6.0. Its support for MD5 ended in
// August 2024: nothing that guards takes it, and in FIPS 140 mode none is made.
var (
	SHA2_256 = Function{"sha256", sha256.New}
	SHA3_256 = Function{"sha3-256", sha3.New256}
	MD5      = Function{"md5", md5.New}
)

// A HashField is a field of an IPN or an LCN that holds its hash.
type HashField struct {
	Name string
	Function
}

// HashFields are those fields, the strongest first. None is part of what is signed.
var HashFields = [...]HashField{{"SIGNATURE_SHA3_256", SHA3_256}, {"SIGNATURE_SHA2_256", SHA2_256}, {"HASH", MD5}}

// IsHashField reports whether a field of this name holds a hash.
func IsHashField(name string) bool {
	return slices.ContainsFunc(HashFields[:], func(f HashField) bool { return f.Name == name })
}

// StampLayout is PHP's YmdHis, as IPN_DATE and the replies have it.
const StampLayout = "20060102150405"

// AppendPrefixed appends the values to b, each behind its length: in bytes, as a
// decimal number, with nothing between. That is what all of the vendor's HMACs are
// over.
func AppendPrefixed(b []byte, values ...string) []byte {
	for _, v := range values {
		b = strconv.AppendInt(b, int64(len(v)), 10)
		b = append(b, v...)
	}
	return b
}

// An RPCError is the error of a JSON-RPC answer by which the vendor says that a login
// or a session is not right (GermanKingYT/Avangate-Smart-Api-Client 2b6b0f1,
// lib/ApiClient/Exception/RequestException.php).
type RPCError struct {
	Code int
	Name string
}

// The errors of that kind: of a login, of a session, of a session that has ended.
var (
	RPCForbidden      = RPCError{10000, Forbidden}
	RPCInvalidSession = RPCError{10001, "INVALID_SESSION"}
	RPCSessionExpired = RPCError{10002, "SESSION_EXPIRED"}
)

// IsRPCError reports whether a code, as it is written, is that of an RPCError.
func IsRPCError(code string) bool {
	switch code {
	case strconv.Itoa(RPCForbidden.Code), strconv.Itoa(RPCInvalidSession.Code), strconv.Itoa(RPCSessionExpired.Code):
		return true
	}
	return false
}

// Forbidden is the code of a SOAP fault that says that a session is not right
// (avangate/api-cart-demo-php 2632e2e, functions.php).
const Forbidden = "FORBIDDEN"

// AuthenticationError is the error_code of REST's answer to a wrong code or key
// (avangate/PHP-REST-API-Client 5fb448a, tests/ConnectTest.php).
const AuthenticationError = "AUTHENTICATION_ERROR"

// The namespaces of SOAP's envelopes.
const (
	SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
)

// ParameterText returns what PHP makes of a parameter of a call, a JSON value, where
// it takes a text: of a string its text, of a number its digits (measured with PHP
// 8.2), "" of anything else.
func ParameterText(value json.RawMessage) (text string) {
	if len(value) > 0 && (value[0] == '-' || '0' <= value[0] && value[0] <= '9') {
		return string(value)
	}
	if json.Unmarshal(value, &text) != nil {
		return ""
	}
	return text
}
