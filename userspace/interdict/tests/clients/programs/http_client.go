// Go's net/http against static files: HTTP/1.1 in clear, HTTP/2 over TLS.
// Arguments: the port of HTTP/1.1, the port of TLS, the file of the authority to trust.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

var files = []string{"patients.json", "patients.ndjson", "patients.csv", "notes.txt", "plain.json"}

func asked(client *http.Client, method, address string) (any, error) {
	request, err := http.NewRequest(method, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 400 {
		return nil, fmt.Errorf("%d %s", answer.StatusCode, body)
	}
	return []any{answer.Proto, answer.StatusCode, string(body)}, nil
}

func step(name string, work func() (any, error)) {
	result, err := work()
	if err != nil {
		result = map[string]string{"failed": "error", "text": err.Error()}
	}
	line, _ := json.Marshal([]any{name, result})
	fmt.Println(string(line))
}

func all(client *http.Client, base string) func() (any, error) {
	return func() (any, error) {
		var shown []any
		for _, name := range append(files, "gzip/patients.json") {
			answer, err := asked(client, "GET", base+name)
			if err != nil {
				return nil, err
			}
			shown = append(shown, answer)
		}
		return shown, nil
	}
}

func main() {
	pem, err := os.ReadFile(os.Args[3])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	two := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true,
	}}
	one := "http://127.0.0.1:" + os.Args[1] + "/"
	secured := "https://localhost:" + os.Args[2] + "/"
	step("one", all(http.DefaultClient, one))
	step("two", all(two, secured))
	step("one_refused", func() (any, error) { return asked(http.DefaultClient, "DELETE", one+"plain.json") })
	step("two_refused", func() (any, error) { return asked(two, "DELETE", secured+"plain.json") })
}
