package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

const (
	selectOne   = `SELECT id, revision, keys, body FROM document WHERE collection=? AND id=?`
	selectAll   = `SELECT id, revision, keys, body FROM document WHERE collection=? AND id>? ORDER BY id LIMIT ?`
	selectByKey = `SELECT d.id, d.revision, d.keys, d.body
		FROM keys k CROSS JOIN document d ON d.collection=k.collection AND d.id=k.id
		WHERE k.collection=? AND k.key=? AND k.value=? AND k.id>? ORDER BY k.id LIMIT ?`
)

// Get implements store.Driver. A document that was read before is not read again
// while no process has written it since.
func (d *Driver) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	if err := d.usable(); err != nil {
		return store.Doc{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Doc{}, err
	}
	count, quiet := d.traffic.quiet(counterOf(collection, id))
	if quiet {
		if doc, known := d.memory.recall(name{collection, id}, count); known {
			return doc, nil
		}
	}
	if err := d.follow(ctx); err != nil {
		return store.Doc{}, d.failed(ctx, err)
	}
	if e := d.overlay.look(collection, id); e != nil {
		if e.deleted {
			return store.Doc{}, absent(collection, id)
		}
		return e.doc, nil
	}
	doc, err := d.fetch(ctx, collection, id)
	if err == nil && quiet {
		d.memory.remember(name{collection, id}, remembered{doc, count})
	}
	return doc, err
}

// Stamp implements store.Stamper.
func (d *Driver) Stamp(collection string) (stamp uint32, known bool) {
	if d.usable() != nil {
		return 0, false
	}
	return d.traffic.quiet(counterOfAll(collection))
}

func (d *Driver) fetch(ctx context.Context, collection, id string) (store.Doc, error) {
	// One row is read before a watch over the context would be set up.
	doc, err := scan(d.one.QueryRowContext(context.WithoutCancel(ctx), collection, id))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Doc{}, absent(collection, id)
	}
	if err != nil {
		return store.Doc{}, d.failed(ctx, err)
	}
	return doc, nil
}

func absent(collection, id string) error {
	return fault.New(fault.NotFound, "there is no %q in %s", id, collection)
}

// Scan implements store.Driver.
func (d *Driver) Scan(ctx context.Context, collection string, q store.Query) ([]store.Doc, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	if err := d.follow(ctx); err != nil {
		return nil, d.failed(ctx, err)
	}
	if q.Limit <= 0 {
		q.Limit = store.DefaultLimit
	}
	d.overlay.folding.RLock()
	defer d.overlay.folding.RUnlock()
	var docs []store.Doc
	for {
		rows, err := d.page(ctx, collection, q)
		if err != nil {
			return nil, d.failed(ctx, err)
		}
		last := ""
		if len(rows) == q.Limit { // there may be more
			last = rows[q.Limit-1].ID
		}
		docs = append(docs, d.overlay.merge(collection, q, rows, last)...)
		if last == "" || len(docs) >= q.Limit {
			return docs[:min(len(docs), q.Limit)], nil
		}
		q.After = last // the journal says otherwise of some rows
	}
}

// page is a page of what the tables hold.
func (d *Driver) page(ctx context.Context, collection string, q store.Query) ([]store.Doc, error) {
	query, args := d.all, []any{collection, q.After, q.Limit}
	if q.Key != "" {
		query, args = d.byKey, []any{collection, q.Key, q.Value, q.After, q.Limit}
	}
	rows, err := query.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var docs []store.Doc
	for rows.Next() {
		doc, err := scan(rows)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, rows.Err()
}

func scan(row interface{ Scan(...any) error }) (doc store.Doc, err error) {
	var keys string
	if err := row.Scan(&doc.ID, &doc.Revision, &keys, &doc.Body); err != nil {
		return doc, err
	}
	doc.Keys, err = decodeKeys(keys)
	return doc, err
}

func decodeKeys(text string) (keys map[string]string, err error) {
	if text == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return nil, fmt.Errorf("cannot decode the keys of a document: %w", err)
	}
	return keys, nil
}

func encodeKeys(keys map[string]string) (string, error) {
	if len(keys) == 0 {
		return "", nil
	}
	text, err := json.Marshal(keys)
	return string(text), err
}
