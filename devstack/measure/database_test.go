package measure

import "testing"

func TestDatabaseURLNamesTheSchemaBesideWhatItSaidBefore(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://user:pass@127.0.0.1:5432/orders?sslmode=disable&search_path=public")
	got, err := DatabaseURL("bench_1")
	if want := "postgres://user:pass@127.0.0.1:5432/orders?search_path=bench_1&sslmode=disable"; got != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	t.Setenv("DATABASE_URL", "postgres://%")
	if got, err := DatabaseURL("bench_1"); err == nil {
		t.Errorf("%s", got)
	}
}
