package authtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/paylink"
)

// paylinkObjects are what was created in this run.
type paylinkObjects struct {
	mu     sync.Mutex
	number int              // of the latest
	kept   []*paylinkObject // the oldest first
}

// A paylinkObject is what the gateway knows of an object.
type paylinkObject struct {
	kind    string // as kindOf has it
	id      string // a number, but where the API has another one, such as apple-pay
	uuid    string
	hash    string
	status  string
	created time.Time
	deleted bool
	sent    []byte // in JSON, nil if there is nothing to keep
}

// answer does what a right request asks for.
func (o *paylinkObjects) answer(instance, secret, method string, path paylink.Path, sent map[string]any) (status int, body paylinkAnswer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if path.ID == "0" { // as the vendor's SDK writes it where there is none
		path.ID = ""
	}
	isRead := method == http.MethodGet || method == http.MethodHead
	if path.Object == "SignatureCheck" {
		return success([]any{map[string]any{"id": 1}})
	}
	isToken := path.Object == "AuthToken" // which some clients ask for by GET
	if isRead && path.ID == "" && !isToken {
		return success(o.list(instance, path, sent))
	}
	object, isNew := o.find(path), false
	switch {
	case creates(path) && (method == http.MethodPost || isToken):
		object, isNew = o.create(path, secret), true
	case object == nil: // of another run: it is invented
		object = newPaylinkObject(path, path.ID)
	case object.deleted:
		return notFoundStatus(path.Version), paylinkError(fmt.Sprintf("No %s found with id %.40s", path.Object, path.ID))
	}
	fields := object.read()
	switch {
	case isNew || !isRead && method != http.MethodDelete && path.Act == "":
		maps.Copy(fields, echo(sent))
		object.sent = toKeep(fields, secret)
	case isRead:
	case path.Act == "refund" && isLess(echo(sent)["amount"], fields["amount"]):
		object.status = "partially-refunded"
	case method == http.MethodDelete && path.Object != "Subscription" && path.Object != "ecr":
		object.deleted = true
	case method == http.MethodDelete && path.Act == "pair":
		object.status = "unpaired"
	case method == http.MethodDelete:
		object.status = "cancelled"
	default:
		object.status = cmp.Or(statusOf[path.Act], object.status)
	}
	if object.deleted {
		fields = map[string]any{"id": idOf(object.id)}
	} else {
		maps.Copy(fields, object.own(instance, path))
	}
	if isSingle(path, isRead) {
		return success(fields)
	}
	return success([]any{fields})
}

// notFoundStatus is what says that there is no such object: before v1.15 the members of
// the answer do alone (neoserviceai/payrexx-python 42065c4, docs/undocumented.md).
func notFoundStatus(version int) int {
	if version < 15 {
		return http.StatusOK
	}
	return http.StatusNotFound
}

// isLess reports whether an amount is less than another one, if both are known.
func isLess(amount, than any) bool {
	some, ok := amount.(json.Number)
	all, both := than.(json.Number)
	if !ok || !both {
		return false
	}
	part, _ := some.Float64()
	whole, _ := all.Float64()
	return part < whole
}

func success(data any) (int, paylinkAnswer) {
	return http.StatusOK, paylinkAnswer{Status: "success", Data: data}
}

// creates reports whether POST at a path makes a new object: a transaction also of
// another one, which is charged.
func creates(path paylink.Path) bool {
	switch path.Object {
	case "ecr":
		return path.Act == "payment"
	case "Transaction":
		return path.ID == "" || path.Act == "" || path.Act == "preAuthorize"
	}
	return path.ID == ""
}

// isSingle reports whether the answer at a path, which is no list of all, holds one
// object, and not a list of one. The vendor's SDK reads a Bill so and a PaymentMethod
// that it asks for, and a Payout that it makes, or whose details it asks for, as a list
// (payrexx-php 2.0.9, lib/Payrexx/Communicator.php); other clients read a Payout as one.
func isSingle(path paylink.Path, isRead bool) bool {
	switch path.Object {
	case "Bill", "ecr":
		return true
	case "PaymentMethod", "Payout":
		return isRead && path.Act == ""
	}
	return false
}

// firstStatus is what an object begins with, and statusOf what an action makes of it.
var (
	firstStatus = map[string]string{
		"Bill": "open", "Gateway": "waiting", "Invoice": "waiting", "Paylink": "waiting", "Payout": "pending",
		"Subscription": "active", "Transaction": "confirmed", "ecr": "waiting",
	}
	statusOf = map[string]string{"cancel": "cancelled", "capture": "confirmed", "pair": "paired", "refund": "refunded", "void": "cancelled"}
)

// kindOf tells the objects at a path from others: those of ecr belong to a terminal.
func kindOf(path paylink.Path) string {
	if path.Object == "ecr" {
		return path.Object + "/" + path.ID
	}
	return path.Object
}

func newPaylinkObject(path paylink.Path, id string) *paylinkObject {
	number, err := strconv.ParseUint(id, 10, 32)
	object := &paylinkObject{
		kind: kindOf(path), id: id, status: firstStatus[path.Object], created: time.Now(),
		uuid: fmt.Sprintf("%08x-0000-4000-8000-%012x", number, number),
		hash: fmt.Sprintf("%032x", number),
	}
	if err != nil {
		object.uuid = id
	}
	if path.Act == "preAuthorize" {
		object.status = "authorized"
	}
	return object
}

// firstID is above the ids that people make up for objects that there are not.
const firstID = 100_000

// create makes a new object, and forgets the oldest if there are too many.
func (o *paylinkObjects) create(path paylink.Path, secret string) *paylinkObject {
	o.number++
	object := newPaylinkObject(path, strconv.Itoa(firstID+o.number))
	if isKept(object.kind, secret) {
		o.kept = append(o.kept[max(0, len(o.kept)+1-maxObjects):], object)
	}
	return object
}

// find returns the object at a path, nil if there is none: by its id, its UUID or its
// hash, and at a terminal the latest payment.
func (o *paylinkObjects) find(path paylink.Path) *paylinkObject {
	kind := kindOf(path)
	if path.Act == "pair" || path.Act == "paymentMethods" { // of the terminal
		return nil
	}
	for _, object := range slices.Backward(o.kept) {
		if object.kind == kind && (path.Object == "ecr" || slices.Contains([]string{object.id, object.uuid, object.hash}, path.ID)) {
			return object
		}
	}
	return nil
}

// list returns what was created in this run, or what every account has.
func (o *paylinkObjects) list(instance string, path paylink.Path, sent map[string]any) []any {
	offset, limit := 0, maxListed
	for name, n := range map[string]*int{"offset": &offset, "limit": &limit} {
		if text, ok := sent[name].(string); ok {
			if i, err := strconv.Atoi(text); err == nil && i >= 0 {
				*n = i
			}
		}
	}
	objects := slices.DeleteFunc(slices.Clone(o.kept), func(object *paylinkObject) bool { return object.deleted || object.kind != kindOf(path) })
	switch path.Object {
	case "PaymentMethod":
		objects = []*paylinkObject{newPaylinkObject(path, "mastercard"), newPaylinkObject(path, "visa")}
	case "PaymentProvider":
		objects = []*paylinkObject{newPaylinkObject(path, "1")}
	}
	objects = objects[min(offset, len(objects)):]
	list := []any{} // and not null
	for _, object := range objects[:min(limit, maxListed, len(objects))] {
		fields := object.read()
		maps.Copy(fields, object.own(instance, path))
		list = append(list, fields)
	}
	return list
}

// read returns what was sent for an object.
func (object *paylinkObject) read() map[string]any { return decode(object.sent) }

// own returns the fields that are the gateway's, as the vendor's SDK names them
// (payrexx-php 2.0.9, lib/Payrexx/Models/Response). Its links lead nowhere.
func (object *paylinkObject) own(instance string, path paylink.Path) map[string]any {
	pages := "https://" + instance + ".gateway.example/"
	link := pages + "?payment=" + object.hash
	fields := map[string]any{"id": idOf(object.id)}
	set := func(more map[string]any) { maps.Copy(fields, more) }
	switch path.Object {
	case "Gateway", "Invoice", "Paylink":
		set(map[string]any{"hash": object.hash, "link": link, "status": object.status, "createdAt": object.created.Unix(), "invoices": []any{}})
	case "Page", "Design":
		set(map[string]any{"uuid": object.uuid, "createdAt": object.created.Unix()})
	case "Transaction":
		set(map[string]any{
			"uuid": object.uuid, "status": object.status, "time": object.created.UTC().Format(time.DateTime), "lang": "en",
			"psp": "Test", "pspId": 1, "mode": "TEST", "payment": map[string]any{"brand": "visa"}, "invoice": map[string]any{},
			"refundable": object.status == "confirmed", "partiallyRefundable": object.status == "confirmed",
		})
	case "Subscription":
		set(map[string]any{"status": object.status, "start": object.created.UTC().Format(time.DateOnly), "end": nil, "valid_until": nil})
	case "Bill":
		set(map[string]any{"uuid": object.uuid, "status": object.status, "paymentStatus": "open", "number": "TEST-" + object.id, "paymentLink": link, "transactions": []any{}})
	case "Payout":
		set(map[string]any{
			"object": "payout", "uuid": object.uuid, "status": object.status, "totalFees": 0, "date": object.created.UTC().Format(time.DateOnly),
			"statement": nil, "destination": map[string]any{}, "transfers": []any{}, "merchant": map[string]any{},
		})
	case "QrCode":
		image := pages + "qr/" + object.uuid
		set(map[string]any{"uuid": object.uuid, "qrCode": image, "png": image + ".png", "svg": image + ".svg"})
	case "QrCodeScan":
		if object.uuid == object.id { // named in the path, and not made here
			set(map[string]any{"sessionId": object.id})
		}
	case "AuthToken":
		expires := object.created.UTC().Add(time.Hour).Format(time.DateTime)
		set(map[string]any{"authToken": object.hash, "authTokenExpirationDate": expires, "link": pages + "?authToken=" + object.hash})
	case "PaymentMethod":
		set(map[string]any{"name": object.id, "label": map[string]any{"en": object.id}, "logo": map[string]any{}, "options_by_psp": map[string]any{}})
	case "PaymentProvider":
		set(map[string]any{"name": "Test", "paymentMethods": []any{"mastercard", "visa"}, "activePaymentMethods": []any{"mastercard", "visa"}})
	case "ecr":
		set(map[string]any{"serialNumber": path.ID, "status": object.status})
		if path.Act == "paymentMethods" {
			set(map[string]any{"paymentMethods": []any{"mastercard", "visa"}})
		}
	}
	return fields
}

// idOf returns an id as the API has it, a number if it can be one.
func idOf(id string) any {
	id = cmp.Or(id, "0")
	if isNumber.MatchString(id) {
		return json.Number(id)
	}
	return id
}

var isNumber = regexp.MustCompile(`^(0|[1-9]\d{0,14})(\.\d{1,9})?$`)

// numbers are the parameters that the API has as numbers, whatever they came as: so
// does PHP where it takes 0 and 1 for false and true.
var numbers = []string{
	"amount", "applicationFee", "default", "dueAfterDays", "preAuthorization", "psp", "pspId", "quantity", "reservation", "shippingCost",
	"subscriptionState", "userId", "validity", "vatRate",
}

// echo returns what an answer repeats of what was sent: all but what is no property of
// the object.
func echo(sent map[string]any) map[string]any {
	fields := make(map[string]any, len(sent))
	for name, value := range sent {
		if value != nil && !notEchoed.MatchString(name) {
			fields[name] = retype(name, value)
		}
	}
	return fields
}

// notEchoed names what is the gateway's own, and what the vendor's SDK sends with every
// object: which it is, and what a list is to be of.
var notEchoed = regexp.MustCompile(`^(ApiSignature|instance|id|uuid|model|limit|offset|(filter|orderBy).*)$`)

func retype(name string, value any) any {
	switch v := value.(type) {
	case string:
		if slices.Contains(numbers, name) && isNumber.MatchString(v) {
			return json.Number(v)
		}
	case []any:
		for i := range v {
			v[i] = retype(name, v[i])
		}
	case map[string]any:
		for name, element := range v {
			v[name] = retype(name, element)
		}
	}
	return value
}
