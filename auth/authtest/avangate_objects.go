package authtest

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	vendor "github.com/countersign/countersign/internal/avangate"
)

// maxResource is how long a body may be that an answer repeats, in bytes.
const maxResource = 1 << 20

// avangateObjects are the resources of REST that were made in this run.
type avangateObjects struct {
	mu     sync.Mutex
	number int
	kept   []*avangateObject // the oldest first
}

// An avangateObject is what the gateway knows of a resource.
type avangateObject struct {
	name    string // orders
	id      string
	status  string
	created time.Time
	sent    []byte // in JSON, nil if there is nothing to keep
}

// idNames are the members that identify resources.
var idNames = map[string]string{
	"orders": "RefNo", "subscriptions": "SubscriptionReference", "products": "ProductCode", "customers": "AvangateCustomerReference",
}

func idName(resource string) string {
	if name, ok := idNames[resource]; ok {
		return name
	}
	return "RefNo"
}

// answer does what a right request asks for.
func (o *avangateObjects) answer(r *http.Request, resource vendor.Resource, secret string, now time.Time) any {
	isRead := r.Method == http.MethodGet || r.Method == http.MethodHead
	sent := make(map[string]any)
	if !isRead {
		if body, err := io.ReadAll(io.LimitReader(r.Body, maxResource+1)); err == nil && len(body) <= maxResource {
			sent = decode(body)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if isRead && resource.ID == "" {
		return o.page(r, resource.Name)
	}
	object := o.find(resource)
	switch {
	case r.Method == http.MethodPost && resource.ID == "":
		object = o.create(resource.Name, sent, secret, now)
	case object == nil: // of another run: it is invented
		object = &avangateObject{name: resource.Name, id: resource.ID, status: "COMPLETE", created: now}
	case resource.Name == "orders" && resource.Rest == "refund" && !isRead:
		object.status = "REFUND"
	}
	isSent := !isRead && resource.Rest == "" && r.Method != http.MethodDelete // the resource itself
	fields := object.read()
	if isSent {
		maps.Copy(fields, sent)
		withoutCard(fields)
		object.sent = toKeep(fields, secret)
	}
	if !isRead && resource.ID != "" && !(isSent && resource.Name == "orders") {
		return true // as the vendor answers to what changes a resource
	}
	maps.Copy(fields, object.own(fields))
	return fields
}

// withoutCard leaves of the payment's details what no card is paid with.
func withoutCard(fields map[string]any) {
	if details, ok := fields["PaymentDetails"].(map[string]any); ok {
		maps.DeleteFunc(details, func(name string, _ any) bool { return name != "Type" && name != "Currency" })
	}
}

// create makes a new resource, with the id that was sent if there is one, and forgets
// the oldest if there are too many.
func (o *avangateObjects) create(name string, sent map[string]any, secret string, now time.Time) *avangateObject {
	o.number++
	object := &avangateObject{name: name, status: "AUTHRECEIVED", created: now}
	if object.id, _ = sent[idName(name)].(string); name == "orders" || !isKept(object.id, secret) {
		object.id = strconv.Itoa(10_000_000 + o.number)
	}
	if isKept(name, secret) {
		o.kept = append(o.kept[max(0, len(o.kept)+1-maxObjects):], object)
	}
	return object
}

func (o *avangateObjects) find(resource vendor.Resource) *avangateObject {
	for _, object := range slices.Backward(o.kept) {
		if object.name == resource.Name && object.id == resource.ID {
			return object
		}
	}
	return nil
}

// page returns a page of what was made in this run.
func (o *avangateObjects) page(r *http.Request, name string) any {
	objects := slices.DeleteFunc(slices.Clone(o.kept), func(object *avangateObject) bool { return object.name != name })
	count := len(objects)
	positive := func(parameter string, otherwise int) int {
		if n, err := strconv.Atoi(r.URL.Query().Get(parameter)); err == nil && n > 0 && n <= maxObjects {
			return n
		}
		return otherwise
	}
	page, limit := positive("Page", 1), min(positive("Limit", 10), maxListed)
	objects = objects[min((page-1)*limit, count):]
	items := []any{} // and not null
	for _, object := range objects[:min(limit, len(objects))] {
		fields := object.read()
		maps.Copy(fields, object.own(fields))
		items = append(items, fields)
	}
	return map[string]any{"Items": items, "Pagination": map[string]int{"Page": page, "Limit": limit, "Count": count}}
}

// read returns what was sent for a resource.
func (object *avangateObject) read() map[string]any { return decode(object.sent) }

// own returns the members that are the gateway's: an order's are those that the
// vendor's SDKs look at (2Checkout/2checkout-php-sdk d1f936c, README and Examples).
func (object *avangateObject) own(fields map[string]any) map[string]any {
	own := map[string]any{idName(object.name): object.id}
	if object.name == "orders" {
		own["Status"], own["Errors"] = object.status, nil
		own["ApproveStatus"], own["OrderDate"] = "OK", object.created.UTC().Format(time.DateTime)
		if _, ok := fields["Items"].([]any); !ok {
			own["Items"] = []any{}
		}
	}
	return own
}
