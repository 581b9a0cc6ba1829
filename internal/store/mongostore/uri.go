package mongostore

import (
	"net/url"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const defaultDatabase = "bumpwire"

// clientOptions are what a URI says, and over it what correctness needs: a write
// that a majority has, a read of what a majority has, from the primary.
func clientOptions(uri, password string) (o *options.ClientOptions, database string, err error) {
	o = options.Client().SetAppName("bumpwire").SetServerSelectionTimeout(selection).ApplyURI(uri)
	if err := o.Validate(); err != nil {
		return nil, "", unreadable(uri, err)
	}
	o.SetWriteConcern(writeconcern.Majority()).SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary())
	o.SetRetryReads(true).SetRetryWrites(true)
	if password != "" {
		if o.Auth == nil || o.Auth.Username == "" {
			return nil, "", fault.New(fault.Invalid, "there is a password for the MongoDB store, but its URI names no user: mongodb://USER@HOST/DATABASE")
		}
		o.Auth.Password, o.Auth.PasswordSet = password, true
	}
	return o, databaseOf(uri), nil
}

// databaseOf is the database in a URI that is known to be right.
func databaseOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	_, path, _ := strings.Cut(rest, "/")
	name, _, _ := strings.Cut(path, "?")
	if name, err := url.PathUnescape(name); err == nil && name != "" {
		return name
	}
	return defaultDatabase
}

// Name is a URI as people may read it: without its user, password and options.
func Name(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	hosts, _, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(hosts, "@"); at >= 0 {
		hosts = hosts[at+1:]
	}
	return scheme + "://" + hosts + "/" + databaseOf(uri)
}

// unreadable says what is wrong with a URI, but not with one that has a user: the
// library's sentence may quote the password.
func unreadable(uri string, err error) error {
	if strings.Contains(uri, "@") {
		return fault.New(fault.Invalid,
			"the store's MongoDB URI cannot be read: it is mongodb://USER:PASSWORD@HOST,HOST/DATABASE?OPTIONS, with : / ? # [ ] @ %% in names and passwords as %%XX")
	}
	return fault.New(fault.Invalid, "the store's MongoDB URI cannot be read: %w", err)
}
