// Package webhooks shows a shop that takes the gateways' notifications: each event has
// its effect once, however often and in whatever form it comes, in a database that the
// shop has anyway.
//
// The rule is one transaction: an event is noted as unique, the effect follows from the
// order as it was fetched and as it is stored, and only then is the notification
// acknowledged. Whatever fails before the commit leaves nothing; what fails after it is
// sent again, and known.
package webhooks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/countersign/countersign/webhook/ipn"
)

// A Fetched is an order as the gateway has it, fetched through a signed client. See the
// Example of package webhook/ipn.
type Fetched struct {
	Reference, Currency, Amount string // the shop's, and in the currency's main unit
	Status                      string
	Test                        bool
}

// A Shop keeps orders and deliveries in a database.
type Shop struct {
	DB *sql.DB

	// Fetch fetches an order by its REFNO. Its answer, and not the notification, says
	// what was paid.
	Fetch func(ctx context.Context, refNo string) (Fetched, error)
}

// Schema makes the tables. An event is known by its ID, which is the same when the
// vendor sends it again with another IPN_DATE, or by its digest, which is the same when
// somebody sends it with other names.
const Schema = `
CREATE TABLE orders (reference TEXT PRIMARY KEY, amount TEXT NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'open');
CREATE TABLE events (id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE);
CREATE TABLE deliveries (reference TEXT NOT NULL);
`

// Notify is for the Handler of package ipn. It returns nil if the event has had its
// effect, now or before, or has none: then it is acknowledged.
func (s *Shop) Notify(ctx context.Context, n *ipn.Notification) error {
	if n.Kind() != ipn.IPN {
		return nil // this shop has no subscriptions
	}
	fetched, err := s.Fetch(ctx, n.Get("REFNO"))
	if err != nil {
		return err
	}
	if n.Get("ORDERSTATUS") == "COMPLETE" && (fetched.Status == "PENDING" || fetched.Status == "AUTHRECEIVED") {
		return errNotYet // or this event would be known, and no other one comes
	}
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if isNew, err := changes(tx.ExecContext(ctx, `INSERT INTO events (id, digest) VALUES (?, ?) ON CONFLICT DO NOTHING`, n.ID(), n.Digest())); err != nil || !isNew {
		return err
	}
	switch {
	case fetched.Test:
	case fetched.Status == "COMPLETE":
		err = deliver(ctx, tx, fetched)
	case fetched.Status == "REFUND", fetched.Status == "REVERSED":
		_, err = tx.ExecContext(ctx, `UPDATE orders SET state = 'refunded' WHERE reference = ?`, fetched.Reference)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

var (
	errNotYet     = errors.New("the order is said to be complete, and is not yet where it was fetched")
	errOtherOrder = errors.New("what was paid is not what was ordered")
)

// deliver has its effect once even where an event is new: it moves the order from one
// state to the next, and delivers if that was so.
func deliver(ctx context.Context, tx *sql.Tx, fetched Fetched) error {
	var amount, currency string
	err := tx.QueryRowContext(ctx, `SELECT amount, currency FROM orders WHERE reference = ?`, fetched.Reference).Scan(&amount, &currency)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil // not ours: an error would have the vendor send it for two days
	case err != nil:
		return err
	case amount != fetched.Amount || currency != fetched.Currency:
		return fmt.Errorf("order %s: %w", fetched.Reference, errOtherOrder)
	}
	isPaid, err := changes(tx.ExecContext(ctx, `UPDATE orders SET state = 'paid' WHERE reference = ? AND state = 'open'`, fetched.Reference))
	if err != nil || !isPaid {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO deliveries (reference) VALUES (?)`, fetched.Reference)
	return err
}

// changes reports whether a statement changed a row.
func changes(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
