package lambdalocal

import (
	"net/http"
	"sync"
	"time"
)

// Credentials of a SnapStart environment come by HTTP, because variables would be those of the snapshot
// (RIE rapidcore/env StoreEnvironmentVariablesFromInitForInitCaching).
const (
	credentialsPath = "/2021-04-23/credentials"

	credentialsURISetting   = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	credentialsTokenSetting = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

	// credentialsLife is how long what is answered holds. AWS's SDKs ask again some minutes before the end,
	// so that a function sees a renewal every few minutes.
	credentialsLife = 15 * time.Minute
)

// The variables that SnapStart takes away, by the fields of the answer that have their values.
const (
	accessKeySetting    = "AWS_ACCESS_KEY_ID"
	secretKeySetting    = "AWS_SECRET_ACCESS_KEY"
	sessionTokenSetting = "AWS_SESSION_TOKEN"
)

// credentials are those of one environment.
type credentials struct {
	token string // who has it may ask
	extra map[string]string

	mu      sync.Mutex
	expires time.Time
}

func newCredentials(extra map[string]string) *credentials {
	return &credentials{token: newUUID(), extra: extra, expires: time.Now().Add(credentialsLife)}
}

// renew makes them hold on from now.
func (c *credentials) renew(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expires = now.Add(credentialsLife)
}

// environment is Options.ExtraEnv with the way to the credentials in their place.
func (c *credentials) environment(api string) map[string]string {
	env := map[string]string{}
	merge(env, c.extra)
	for _, name := range []string{accessKeySetting, secretKeySetting, sessionTokenSetting} {
		delete(env, name)
	}
	env[credentialsURISetting] = "http://" + api + credentialsPath
	env[credentialsTokenSetting] = c.token
	return env
}

// serveCredentials answers the SDKs' container credential provider (RIE rapi/handler/credentials.go,
// core/credentials.go).
func (a *apiServer) serveCredentials(w http.ResponseWriter, r *http.Request) {
	c := a.credentials
	if r.Header.Get("Authorization") != c.token {
		http.Error(w, "cannot get credentials for the provided token", http.StatusNotFound)
		return
	}
	now := time.Now()
	c.mu.Lock()
	if !now.Before(c.expires) {
		c.expires = now.Add(credentialsLife)
	}
	expires := c.expires
	c.mu.Unlock()
	send(w, mustJSON(struct {
		AccessKeyID     string    `json:"AccessKeyId"`
		SecretAccessKey string    `json:"SecretAccessKey"`
		Token           string    `json:"Token"`
		Expiration      time.Time `json:"Expiration"`
	}{c.extra[accessKeySetting], c.extra[secretKeySetting], c.extra[sessionTokenSetting], expires.UTC()}))
}
