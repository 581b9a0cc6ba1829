package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// firstAccount is an account that was made up here and is to be shown once.
type firstAccount struct{ kind, name, password string }

// firstAccounts sets the accounts that the environment names. When it names none
// and there is none yet, it makes a platform and an operator and gives them back.
func firstAccounts(ctx context.Context, a *broker.Accounts, env func(string) string) ([]firstAccount, error) {
	named := false
	for _, v := range []struct {
		name string
		set  func(ctx context.Context, name, password string) error
	}{{"BUMPWIRE_PLATFORM", a.SetPlatform}, {"BUMPWIRE_ADMIN", a.SetOperator}} {
		text := env(v.name)
		if text == "" {
			continue
		}
		named = true
		name, password, ok := strings.Cut(text, ":")
		if !ok {
			return nil, fault.New(fault.Invalid, "%s must be name:password", v.name)
		}
		if err := v.set(ctx, name, password); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
	}
	if empty, err := a.Empty(ctx); named || err != nil || !empty {
		return nil, err
	}
	made := []firstAccount{{"platform", "platform", rand.Text()}, {"operator", "admin", rand.Text()}}
	if err := a.SetPlatform(ctx, made[0].name, made[0].password); err != nil {
		return nil, err
	}
	return made, a.SetOperator(ctx, made[1].name, made[1].password)
}
