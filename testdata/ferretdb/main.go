// Command ferretdb is a server for tests that speaks MongoDB's wire protocol: it
// keeps documents in SQLite files and has no users, replicas, transactions or
// partial indexes. It prints its address and runs until its standard input ends,
// so that it does not outlive the test that started it.
//
// FerretDB finds the document of an update, compares it and writes it in separate
// steps, between which another update may come; on a MongoDB server one document is
// the unit of atomicity. So clients do not reach it directly: see gate.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	dir := flag.String("dir", "", "an existing folder for the documents; empty: one that is removed at the end")
	listen := flag.String("listen", "127.0.0.1:0", "host:port; port 0: any that is free")
	durable := flag.Bool("durable", false, "have each write on disk before it is answered")
	flag.Parse()
	if err := serve(*dir, *listen, *durable); err != nil {
		log.Fatal(err)
	}
}

func serve(dir, listen string, durable bool) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if dir == "" {
		made, err := os.MkdirTemp("", "ferretdb-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made)
		dir = made
	}
	inner := filepath.Join(dir, "server.sock")
	if err := os.RemoveAll(inner); err != nil { // of a server that was killed
		return err
	}
	files := url.URL{Scheme: "file", Path: dir + "/"}
	if !durable {
		files.RawQuery = url.Values{"_pragma": {"synchronous(off)"}}.Encode()
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: inner},
		Handler:   "sqlite",
		SQLiteURL: files.String(),
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	door, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	g := &gate{server: inner}
	go g.serve(door)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends however the starter ends
		stop()
		_ = door.Close()
	}()
	fmt.Printf("mongodb://%s/\n", door.Addr())
	return server.Run(ctx)
}
