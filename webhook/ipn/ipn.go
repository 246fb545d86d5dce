// Package ipn verifies and acknowledges the notifications of 2Checkout: the Instant
// Payment Notification (IPN) of orders, and the License Change Notification (LCN) of
// subscriptions.
//
// Most programs need a [Handler] with the account's Secret Key and a function that
// processes a [Notification]. A program that has bytes and no [net/http.Request], such
// as a function in a cloud, calls [Verify] and answers with [Notification.Reply].
//
// A right hash says that the message is the vendor's, and not that somebody has paid.
// Fetch the order by its REFNO through a client that is signed by package
// [github.com/countersign/countersign/auth/avangate], and compare its reference,
// amount, currency and status with what the shop has stored: see the examples.
//
// # Set-up
//
// In the Control Panel, under Integrations, Webhooks & API: add the URL with SHA2 or
// SHA3, for MD5 is retired and refused here. In the IPN settings choose at least REFNO,
// IPN_PID[], IPN_PNAME[], IPN_DATE, ORDERSTATUS, MESSAGE_ID and TEST_ORDER. The key is
// the Secret Key, and none of the secret words. The vendor asks for the URL by GET
// before it takes it: register the Handler without a method in the pattern.
//
// # Test orders
//
// By the vendor's documents (Test ordering system, October 2024) every account takes
// test orders unless that is turned off, anybody can make one by adding test=1 to a buy
// link, and its messages are signed and have its actual ORDERSTATUS, COMPLETE too. Only
// TEST_ORDER tells, a field that must be chosen; in an LCN it is TEST. The Handler
// acknowledges a test order and keeps it from Notify, and refuses an IPN that does not
// say, so that it is seen before somebody has made use of it. Handler.AcceptTestOrders
// lifts both. An LCN without TEST counts as real, as the vendor's pages have it: choose
// that field too, and look the order up before anything is extended.
//
// # Statuses
//
// What ORDERSTATUS asks of a shop, as far as the vendor's documents and SDKs say; the
// list is not whole:
//
//	COMPLETE          the order is paid and finished: deliver
//	AUTHRECEIVED      it is placed, and the payment authorized
//	PENDING           it is placed, and not paid: wait
//	REFUND, REVERSED  the money went back: take back what was delivered
//	any other         nothing
//
// Notify returns nil for a status that asks for nothing, and for an order that the shop
// does not know: an error has the vendor send the message again for two days.
//
// # Repetitions
//
// The vendor sends a message again until it has the right reply: at once, twice within
// five minutes, four times every 15 minutes, then every hour for two days; and by hand
// from the Control Panel. Nothing in a message ends its validity, so that one that was
// seen can be sent by others too. Process each event once: store [Notification.ID] and
// [Notification.Digest] as unique in the transaction that has the effect, compute the
// effect from the state and not from the message, and return nil for what is known: a
// repetition gets a reply of its own. This package stores nothing.
//
// # What the hash does not say
//
// It is an HMAC over the values in their order, each behind its length, and covers
// neither names nor, since a value may begin with digits, the borders between values.
// Who holds one message can exchange the names in it and keep the hash. That takes the
// shop's traffic or its logs: keep bodies and replies out of logs, and the headers of
// requests, which the same key signs. Of what else it signs headers, logins and replies
// are refused as messages; what a shop sends to the vendor's IDN, IRN and ISE cannot be
// told from one.
//
// # Many merchants
//
// Make a Handler for each request, with the keys of the merchant that the path names,
// or give it an [auth.SecretFunc] that reads the context. Look the order up among this
// merchant's orders, not among all: another one's message is as rightly signed.
//
// # What is not known
//
// Whether fields of unused hashes come empty, filled or not at all: all are taken.
// Whether IPN_DATE and MESSAGE_ID are renewed when the vendor sends again. How a message
// without products is signed: it is refused. How a name that comes twice, or an array
// that others interrupt, is signed: here in the order of the body, where PHP gathers
// them; neither is known to be sent. Nothing here was tried with a live account.
package ipn
