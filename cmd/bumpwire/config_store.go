package main

import (
	"os"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// mongo says whether documents are kept in MongoDB, where brokers on several
// machines may share them.
func (s storeConfig) mongo() bool {
	return strings.HasPrefix(s.URL, "mongodb://") || strings.HasPrefix(s.URL, "mongodb+srv://")
}

// password is what the password file holds; "" without one.
func (s storeConfig) password() (string, error) {
	if s.PasswordFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return "", fault.New(fault.Invalid, "store.password_file: cannot read the password: %s", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", fault.New(fault.Invalid, "store.password_file: %s is empty", s.PasswordFile)
	}
	return password, nil
}

// check says what cannot be right.
func (s storeConfig) check() error {
	if s.PasswordFile != "" && !s.mongo() {
		return fault.New(fault.Invalid, "store.password_file is for a store.url of mongodb://…; SQLite has no users")
	}
	return nil
}
