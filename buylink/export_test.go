package buylink

// EncodeToken makes a token of a header and a payload, as Token does of its own.
var EncodeToken = token
