package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// session is the writer's connection with the statements compiled on it. It
// speaks to the driver itself, because a group of writes runs some hundred
// statements, and database/sql locks and converts at each.
type session struct {
	conn       any // as the driver gave it; nil: none yet
	statements map[string]driver.Stmt
}

// on makes the session one on this connection; statements of another are dropped.
func (s *session) on(conn any) *session {
	if s.conn != conn {
		s.drop()
		s.conn = conn
	}
	return s
}

// drop forgets the connection and releases its statements.
func (s *session) drop() {
	for _, compiled := range s.statements {
		_ = compiled.Close() // of a connection that is given up
	}
	s.conn, s.statements = nil, map[string]driver.Stmt{}
}

func (s *session) compiled(text string) (driver.Stmt, error) {
	if known := s.statements[text]; known != nil {
		return known, nil
	}
	compiled, err := s.conn.(driver.Conn).Prepare(text)
	if err != nil {
		return nil, err
	}
	s.statements[text] = compiled
	return compiled, nil
}

// exec runs a statement and gives the number of rows that it altered.
func (s *session) exec(text string, args ...any) (int64, error) {
	compiled, err := s.compiled(text)
	if err != nil {
		return 0, err
	}
	result, err := compiled.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads the one row of a query into dest; found is false when there is none.
func (s *session) row(text string, args []any, dest []driver.Value) (found bool, err error) {
	compiled, err := s.compiled(text)
	if err != nil {
		return false, err
	}
	rows, err := compiled.(driver.StmtQueryContext).QueryContext(context.Background(), named(args))
	if err != nil {
		return false, err
	}
	err = rows.Next(dest)
	if errors.Is(err, io.EOF) {
		return false, rows.Close()
	}
	return true, errors.Join(err, rows.Close())
}

// rows runs a query and gives each of its rows, of so many columns, to each.
func (s *session) rows(text string, args []any, columns int, each func(row []driver.Value) error) error {
	compiled, err := s.compiled(text)
	if err != nil {
		return err
	}
	rows, err := compiled.(driver.StmtQueryContext).QueryContext(context.Background(), named(args))
	if err != nil {
		return err
	}
	row := make([]driver.Value, columns)
	for err = rows.Next(row); err == nil; err = rows.Next(row) {
		if err = each(row); err != nil {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

func named(args []any) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, a := range args {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return list
}

// transaction runs do within one transaction that takes the write lock at once.
func (s *session) transaction(do func() error) error {
	if _, err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		if _, err = s.exec("COMMIT"); err == nil {
			return nil
		}
	}
	if _, undo := s.exec("ROLLBACK"); undo != nil {
		err = fmt.Errorf("%w (and cannot roll back: %w)", err, undo)
	}
	return err
}
