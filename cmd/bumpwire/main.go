// Command bumpwire is the broker (bumpwire serve) and everything that its users
// do with it from a shell. It is the only place that chooses drivers. One file
// per command noun; commands speak to a broker through broker/api only, except
// those that work offline on a package.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // billing time zones, also where the system has none
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program; it answers the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	c := &cli{in: in, out: out, errs: errs, env: os.Getenv}
	root := newRoot(c)
	root.SetArgs(args)
	return c.report(root.ExecuteContext(ctx))
}
