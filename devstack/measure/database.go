package measure

import (
	"fmt"
	"net/url"
	"os"
)

// DatabaseURL is DATABASE_URL for connections that see one schema.
func DatabaseURL(schema string) (string, error) {
	u, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil {
		return "", fmt.Errorf("DATABASE_URL: %w", err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}
