package signin

import (
	"bytes"
	"crypto/rand"
	"time"
)

// deviceFor is how long a browser is remembered after a login.
const deviceFor = 180 * 24 * time.Hour

const deviceID = 16

// device returns the id of the browser if somebody has signed in to the account
// with it before.
func (v *visit) device(account string) (id string, known bool) {
	plain, err := v.cookies.get(v.r, deviceCookie)
	if err != nil || len(plain) < deviceID || !bytes.Equal(plain[deviceID:], []byte(account)) {
		return "", false
	}
	return string(plain[:deviceID]), true
}

// remember gives the browser a fresh id for the account.
func (v *visit) remember(account string) error {
	plain := make([]byte, deviceID, deviceID+len(account))
	_, _ = rand.Read(plain) // crypto/rand never fails since Go 1.24
	return v.cookies.set(v.w, deviceCookie, append(plain, account...), deviceFor)
}
