package store

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// errNotLibpq also stands for what pgx says of a URL that it cannot take apart,
// since that may quote a piece of the password.
var errNotLibpq = errors.New("libpq could not read it; what is special in a password must be percent-encoded")

// CheckURL reads a libpq URL, and the files that it names, as Open will, and
// dials nothing. Its error has neither the URL nor a password in it.
func CheckURL(url string) error {
	_, err := parseURL(url)
	return err
}

// parseURL reads a libpq URL with the options of a pool.
func parseURL(url string) (*pgxpool.Config, error) {
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, badURL(err)
	}
	return conf, nil
}

// badURL returns what pgx says behind the URL that it quotes.
func badURL(err error) error {
	text := err.Error()
	quoted := strings.LastIndex(text, "`: ")
	why := strings.TrimPrefix(text[quoted+1:], ": ")
	if quoted < 0 || strings.HasPrefix(why, "failed to parse as") || strings.Contains(why, "@") {
		return errNotLibpq
	}
	return errors.New(why)
}
