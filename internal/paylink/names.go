package paylink

import (
	"crypto/sha256"

	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// The parameters that are the gateways' own.
const (
	SignatureName = "ApiSignature"
	InstanceName  = "instance"
)

// SignatureLen is how many bytes a signature has: SHA-256 in base64.
const SignatureLen = (sha256.Size + 2) / 3 * 4

// Own names for package php what is not signed.
var Own = php.Own{Signature: SignatureName, SignatureLen: SignatureLen, Account: InstanceName}

// KeyHeader is the header that holds the secret itself, spelled as net/http writes
// it: a header's name has no case.
const KeyHeader = "X-Api-Key"

// WebhookHeader is the header that holds the signature of a webhook, which the family's
// documents do not name: docs/webhooks.md says who does.
const WebhookHeader = "X-Webhook-Signature"

// The media types of bodies that have parameters.
const (
	FormType      = request.FormType
	JSONType      = request.JSONType
	MultipartType = request.MultipartType
)

// DesignFiles are the images of a Design, which the vendor's SDK leaves out of the
// signature (payrexx-php 1.8.11, lib/Payrexx/Communicator.php).
var DesignFiles = []string{"headerImage", "backgroundImage", "headerBackgroundImage", "emailHeaderImage", "VPOSBackgroundImage"}
