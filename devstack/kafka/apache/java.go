package apache

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// minJava is the oldest Java that runs the brokers of Kafka 4.
const minJava = 17

// java is the machine's Java, and what it is to run.
type java struct {
	path    string
	version string // as "Java 17.0.15"
	jars    string // directory
}

func findJava(ctx context.Context) (java, error) {
	const install = "install Java 17 or newer (Debian: apt-get install default-jre-headless)"
	path, err := exec.LookPath("java")
	if err != nil {
		return java{}, errors.New("java is missing, which runs Apache Kafka: " + install)
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output() // Java 8 has no such option
	if err != nil {
		return java{}, fmt.Errorf("%s --version: %w: %s", path, err, install)
	}
	// openjdk 17.0.15 2025-04-15 …
	var vendor, number string
	var major int
	_, _ = fmt.Sscan(string(out), &vendor, &number) // what cannot be read is left to Kafka
	if n, _ := fmt.Sscanf(number, "%d", &major); n == 1 && major < minJava {
		return java{}, fmt.Errorf("%s is Java %s, too old for Apache Kafka: %s", path, number, install)
	}
	return java{path: path, version: "Java " + number}, nil
}
