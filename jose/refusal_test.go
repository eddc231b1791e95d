package jose

import (
	"bytes"
	"compress/flate"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	goodJWS = `{"alg":"RS256","kid":"client-1"`
	goodJWE = `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"bank-enc"`
)

// forgery is one message that must be refused, and why.
type forgery struct {
	name   string
	want   Reason
	change func(*forge)
}

func jwsHeader(name string, want Reason, header string) forgery {
	return forgery{name, want, func(f *forge) { f.jwsHeader = header }}
}

func jweHeader(name string, want Reason, header string) forgery {
	return forgery{name, want, func(f *forge) { f.jweHeader = header }}
}

// jwsForm and jweForm write the outer objects anew, from their parts.
func jwsForm(name string, want Reason, form string) forgery {
	return forgery{name, want, func(f *forge) {
		f.jws = func(payload, header, sig string) string {
			return strings.NewReplacer("$payload", payload, "$header", header, "$sig", sig).Replace(form)
		}
	}}
}

func jweForm(name string, want Reason, form string) forgery {
	return forgery{name, want, func(f *forge) {
		f.jwe = func(p jweText) string {
			return strings.NewReplacer("$header", p.protected, "$key", p.key, "$iv", p.iv,
				"$text", p.ciphertext, "$tag", p.tag).Replace(form)
		}
	}}
}

const (
	generalTail = `"iv":"$iv","ciphertext":"$text","tag":"$tag"}`
	recipient   = `{"encrypted_key":"$key"}`
	signature   = `{"protected":"$header","signature":"$sig"}`
)

var forgeries = []forgery{
	// What is not nested, or nested the wrong way round.
	{"encrypted but unsigned", ReasonNotSigned, func(f *forge) { f.content = &f.payload }},
	{"encrypted empty object", ReasonMissingMember, func(f *forge) { s := "{}"; f.content = &s }},
	{"encrypted nothing", ReasonSyntax, func(f *forge) { s := ""; f.content = &s }},
	{"encrypted compact JWS", ReasonSyntax, func(f *forge) {
		s := f.signed()
		g, _ := parseJWS([]byte(s), false)
		s = string(g.protected) + "." + string(g.payload) + "." + string(g.signature)
		f.content = &s
	}},
	{"encrypted twice", ReasonUnknownMember, func(f *forge) { s := honest().sealed(); f.content = &s }},
	{"signed by another client", ReasonSignature, func(f *forge) { f.signer = strangerKey() }},
	{"signed by another client under its own kid", ReasonKey, func(f *forge) {
		f.signer, f.jwsHeader = strangerKey(), `{"alg":"RS256","kid":"stranger-1"}`
	}},
	{"signed by the bank", ReasonKey, func(f *forge) { f.signer, f.jwsHeader = bankSigning(), `{"alg":"RS256","kid":"bank-sig"}` }},
	{"encrypted to another bank", ReasonDecryption, func(f *forge) { f.to = strangerKey().Public() }},

	// Changed algorithms, with cryptography to match.
	{"PS256", ReasonAlgorithm, func(f *forge) { f.signature, f.jwsHeader = pss(clientKey()), `{"alg":"PS256"}` }},
	{"PS256 said to be RS256", ReasonSignature, func(f *forge) { f.signature = pss(clientKey()) }},
	{"RS512", ReasonAlgorithm, func(f *forge) { f.signature, f.jwsHeader = rs512(clientKey()), `{"alg":"RS512"}` }},
	{"RS512 said to be RS256", ReasonSignature, func(f *forge) { f.signature = rs512(clientKey()) }},
	jwsHeader("alg none", ReasonAlgorithm, `{"alg":"none"}`),
	{"alg none without signature", ReasonAlgorithm, func(f *forge) {
		f.jwsHeader, f.signature = `{"alg":"none"}`, func([]byte) []byte { return nil }
	}},
	jwsHeader("HS256", ReasonAlgorithm, `{"alg":"HS256"}`),
	jwsHeader("alg in other case", ReasonAlgorithm, `{"alg":"rs256"}`),
	jwsHeader("no alg", ReasonAlgorithm, `{"kid":"client-1"}`),
	jwsHeader("empty alg", ReasonAlgorithm, `{"alg":""}`),
	jwsHeader("alg no string", ReasonSyntax, `{"alg":["RS256"]}`),
	{"RSA1_5", ReasonAlgorithm, func(f *forge) {
		f.wrap, f.jweHeader = rsa15(f.to), `{"alg":"RSA1_5","enc":"A256CBC-HS512"}`
	}},
	{"RSA1_5 said to be RSA-OAEP-256", ReasonDecryption, func(f *forge) { f.wrap = rsa15(f.to) }},
	{"RSA-OAEP", ReasonAlgorithm, func(f *forge) {
		f.wrap, f.jweHeader = oaepSHA1(f.to), `{"alg":"RSA-OAEP","enc":"A256CBC-HS512"}`
	}},
	{"RSA-OAEP said to be RSA-OAEP-256", ReasonDecryption, func(f *forge) { f.wrap = oaepSHA1(f.to) }},
	jweHeader("A128GCM", ReasonAlgorithm, `{"alg":"RSA-OAEP-256","enc":"A128GCM"}`),
	jweHeader("A128CBC-HS256", ReasonAlgorithm, `{"alg":"RSA-OAEP-256","enc":"A128CBC-HS256"}`),
	jweHeader("dir", ReasonAlgorithm, `{"alg":"dir","enc":"A256CBC-HS512"}`),
	jweHeader("no enc", ReasonAlgorithm, `{"alg":"RSA-OAEP-256"}`),
	jweHeader("no JWE alg", ReasonAlgorithm, `{"enc":"A256CBC-HS512"}`),
	{"a content key that is too short", ReasonDecryption, func(f *forge) {
		f.wrap = func(cek []byte) []byte { return oaep(sha256.New(), f.to)(cek[:32]) }
	}},
	{"a content key that is too long", ReasonDecryption, func(f *forge) {
		f.wrap = func(cek []byte) []byte { return oaep(sha256.New(), f.to)(append(cek, 0)) }
	}},
	jweForm("alg changed per recipient", ReasonAlgorithm, `{"protected":"$header","recipients":[{"header":{"alg":"RSA1_5"},"encrypted_key":"$key"}],`+generalTail),
	{"alg per recipient only, changed", ReasonAlgorithm, func(f *forge) {
		f.jweHeader = `{"enc":"A256CBC-HS512"}`
		f.wrap = rsa15(f.to)
		jweForm("", "", `{"protected":"$header","recipients":[{"header":{"alg":"RSA1_5"},"encrypted_key":"$key"}],`+generalTail).change(f)
	}},
	jweForm("enc per recipient", ReasonHeader, `{"protected":"$header","recipients":[{"header":{"enc":"A128GCM"},"encrypted_key":"$key"}],`+generalTail),
	jweForm("alg in the shared unprotected header", ReasonHeader, `{"protected":"$header","unprotected":{"alg":"RSA-OAEP-256"},"recipients":[`+recipient+`],`+generalTail),
	{"alg in the shared unprotected header only", ReasonHeader, func(f *forge) {
		f.jweHeader = `{"enc":"A256CBC-HS512"}`
		jweForm("", "", `{"protected":"$header","unprotected":{"alg":"RSA-OAEP-256"},"recipients":[`+recipient+`],`+generalTail).change(f)
	}},
	jwsForm("alg in the unprotected header of the signature", ReasonHeader, `{"payload":"$payload","signatures":[{"protected":"$header","header":{"alg":"RS256"},"signature":"$sig"}]}`),
	{"alg in the unprotected header of the signature only", ReasonHeader, func(f *forge) {
		f.jwsHeader = `{"kid":"client-1"}`
		jwsForm("", "", `{"payload":"$payload","signatures":[{"protected":"$header","header":{"alg":"RS256"},"signature":"$sig"}]}`).change(f)
	}},
	jwsForm("kid in the unprotected header of the signature", ReasonHeader, `{"payload":"$payload","signatures":[{"protected":"$header","header":{"kid":"client-1"},"signature":"$sig"}]}`),

	// Header parameters that are never accepted, or not there.
	jwsHeader("JWS crit", ReasonHeader, goodJWS+`,"crit":["exp"],"exp":1}`),
	jwsHeader("JWS empty crit", ReasonHeader, goodJWS+`,"crit":[]}`),
	jwsHeader("JWS b64 true", ReasonHeader, goodJWS+`,"b64":true}`),
	jwsHeader("JWS b64 false", ReasonHeader, goodJWS+`,"b64":false,"crit":["b64"]}`),
	{"JWS b64 false, payload unencoded", ReasonHeader, func(f *forge) {
		f.jwsHeader = `{"alg":"RS256","b64":false,"crit":["b64"]}`
		f.jws = func(_, header, sig string) string {
			return fmt.Sprintf(`{"payload":"x","signatures":[{"protected":"%s","signature":"%s"}]}`, header, sig)
		}
	}},
	jwsHeader("JWS jwk", ReasonHeader, goodJWS+`,"jwk":{"kty":"RSA"}}`),
	jwsHeader("JWS jku", ReasonHeader, goodJWS+`,"jku":"https://keys.example/jwks"}`),
	jwsHeader("JWS x5u", ReasonHeader, goodJWS+`,"x5u":"https://keys.example/cert"}`),
	jwsHeader("JWS x5c", ReasonHeader, goodJWS+`,"x5c":["MIIB"]}`),
	jwsHeader("JWS zip", ReasonHeader, goodJWS+`,"zip":"DEF"}`),
	jwsHeader("JWS unknown", ReasonHeader, goodJWS+`,"nonce":"1"}`),
	jwsHeader("JWS enc", ReasonHeader, goodJWS+`,"enc":"A256CBC-HS512"}`),
	jwsHeader("JWS header twice the same", ReasonDuplicateMember, `{"alg":"RS256","alg":"RS256"}`),
	jwsHeader("JWS alg twice, first good", ReasonDuplicateMember, `{"alg":"RS256","alg":"none"}`),
	jwsHeader("JWS alg written with an escape", ReasonHeader, `{"\u0061lg":"RS256"}`),
	jwsHeader("JWS alg in capitals", ReasonHeader, `{"ALG":"RS256"}`),
	jwsHeader("JWS header no object", ReasonSyntax, `["RS256"]`),
	jwsHeader("JWS header empty", ReasonSyntax, ``),
	jwsHeader("JWS header trailing data", ReasonSyntax, goodJWS+`}{}`),
	jwsHeader("JWS header trailing comma", ReasonSyntax, goodJWS+`,}`),
	jwsHeader("JWS header invalid UTF-8", ReasonSyntax, `{"alg":"RS256","kid":"`+"\xff"+`"}`),
	jwsHeader("JWS header lone surrogate", ReasonSyntax, `{"alg":"RS256","kid":"\ud800"}`),
	jwsHeader("JWS header control character", ReasonSyntax, "{\"alg\":\"RS256\",\"kid\":\"a\nb\"}"),
	jwsHeader("JWS header too large", ReasonTooLarge, goodJWS+`,"typ":"`+strings.Repeat("a", maxHeaderBytes)+`"}`),
	jwsHeader("JWS kid empty", ReasonKey, `{"alg":"RS256","kid":""}`),
	jwsHeader("JWS kid too long", ReasonTooLarge, `{"alg":"RS256","kid":"`+strings.Repeat("k", maxKeyID+1)+`"}`),
	jwsHeader("JWS kid no string", ReasonSyntax, `{"alg":"RS256","kid":1}`),
	jweHeader("JWE crit", ReasonHeader, goodJWE+`,"crit":["zip"]}`),
	jweHeader("JWE empty crit", ReasonHeader, goodJWE+`,"crit":[]}`),
	jweHeader("JWE b64", ReasonHeader, goodJWE+`,"b64":true}`),
	jweHeader("JWE zip", ReasonHeader, goodJWE+`,"zip":"DEF"}`),
	{"JWE zip, compressed indeed", ReasonHeader, func(f *forge) {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestCompression)
		_, _ = w.Write([]byte(f.signed()))
		_ = w.Close()
		s := b.String()
		f.content, f.jweHeader = &s, goodJWE+`,"zip":"DEF"}`
	}},
	jweHeader("JWE jwk", ReasonHeader, goodJWE+`,"jwk":{"kty":"RSA"}}`),
	jweHeader("JWE jku", ReasonHeader, goodJWE+`,"jku":"https://keys.example/jwks"}`),
	jweHeader("JWE x5u", ReasonHeader, goodJWE+`,"x5u":"https://keys.example/cert"}`),
	jweHeader("JWE x5c", ReasonHeader, goodJWE+`,"x5c":["MIIB"]}`),
	jweHeader("JWE epk", ReasonHeader, goodJWE+`,"epk":{}}`),
	jweHeader("JWE p2c", ReasonHeader, goodJWE+`,"p2c":100000000}`),
	jweHeader("JWE claims", ReasonHeader, goodJWE+`,"iss":"client"}`),
	jweHeader("JWE alg twice", ReasonDuplicateMember, `{"alg":"RSA-OAEP-256","alg":"RSA1_5","enc":"A256CBC-HS512"}`),
	jweForm("another kid per recipient", ReasonDuplicateMember, `{"protected":"$header","recipients":[{"header":{"kid":"bank-sig"},"encrypted_key":"$key"}],`+generalTail),
	jweForm("jku per recipient", ReasonHeader, `{"protected":"$header","recipients":[{"header":{"jku":"https://keys.example"},"encrypted_key":"$key"}],`+generalTail),

	// typ and cty.
	jwsHeader("JWS typ JWT", ReasonType, goodJWS+`,"typ":"JWT"}`),
	jwsHeader("JWS typ JOSE", ReasonType, goodJWS+`,"typ":"JOSE"}`),
	jwsHeader("JWS typ empty", ReasonType, goodJWS+`,"typ":""}`),
	jwsHeader("JWS cty empty", ReasonType, goodJWS+`,"cty":""}`),
	jwsHeader("JWS cty of a nested message", ReasonType, goodJWS+`,"cty":"JOSE+JSON"}`),
	jwsHeader("JWS cty JWT", ReasonType, goodJWS+`,"cty":"JWT"}`),
	jwsHeader("JWS cty no media type", ReasonType, goodJWS+`,"cty":"a b/c"}`),
	jweHeader("JWE typ JWT", ReasonType, goodJWE+`,"typ":"JWT"}`),
	jweHeader("JWE cty JWT", ReasonType, goodJWE+`,"cty":"JWT"}`),
	jweHeader("JWE cty json, as of one that is not signed", ReasonType, goodJWE+`,"cty":"json"}`),
	jweHeader("JWE cty empty", ReasonType, goodJWE+`,"cty":""}`),

	// The outer objects.
	jweForm("no recipients", ReasonMissingMember, `{"protected":"$header",`+generalTail),
	jweForm("empty recipients", ReasonCount, `{"protected":"$header","recipients":[],`+generalTail),
	jweForm("two recipients", ReasonCount, `{"protected":"$header","recipients":[`+recipient+`,`+recipient+`],`+generalTail),
	jweForm("a recipient without key", ReasonMissingMember, `{"protected":"$header","recipients":[{}],`+generalTail),
	jweForm("recipients no array", ReasonSyntax, `{"protected":"$header","recipients":`+recipient+`,`+generalTail),
	jweForm("recipients twice", ReasonDuplicateMember, `{"protected":"$header","recipients":[`+recipient+`],"recipients":[`+recipient+`],`+generalTail),
	jweForm("key twice", ReasonDuplicateMember, `{"protected":"$header","recipients":[{"encrypted_key":"$key","encrypted_key":"$key"}],`+generalTail),
	jweForm("general and flattened together", ReasonSerialization, `{"protected":"$header","encrypted_key":"$key","recipients":[`+recipient+`],`+generalTail),
	jweForm("flattened", ReasonSerialization, `{"protected":"$header","encrypted_key":"$key",`+generalTail),
	jweForm("unknown member", ReasonUnknownMember, `{"protected":"$header","extra":1,"recipients":[`+recipient+`],`+generalTail),
	jweForm("unknown member of a recipient", ReasonUnknownMember, `{"protected":"$header","recipients":[{"encrypted_key":"$key","kid":"bank-enc"}],`+generalTail),
	jweForm("a member of the other kind", ReasonUnknownMember, `{"protected":"$header","payload":"","recipients":[`+recipient+`],`+generalTail),
	jweForm("no protected header", ReasonMissingMember, `{"recipients":[`+recipient+`],`+generalTail),
	jweForm("no iv", ReasonMissingMember, `{"protected":"$header","recipients":[`+recipient+`],"ciphertext":"$text","tag":"$tag"}`),
	jweForm("no ciphertext", ReasonMissingMember, `{"protected":"$header","recipients":[`+recipient+`],"iv":"$iv","tag":"$tag"}`),
	jweForm("no tag", ReasonMissingMember, `{"protected":"$header","recipients":[`+recipient+`],"iv":"$iv","ciphertext":"$text"}`),
	jweForm("iv null", ReasonSyntax, `{"protected":"$header","recipients":[`+recipient+`],"iv":null,"ciphertext":"$text","tag":"$tag"}`),
	jweForm("ciphertext twice", ReasonDuplicateMember, `{"protected":"$header","recipients":[`+recipient+`],"iv":"$iv","ciphertext":"$text","ciphertext":"$text","tag":"$tag"}`),
	jweForm("ciphertext empty", ReasonDecryption, `{"protected":"$header","recipients":[`+recipient+`],"iv":"$iv","ciphertext":"","tag":"$tag"}`),
	jweForm("iv and tag exchanged", ReasonEncoding, `{"protected":"$header","recipients":[`+recipient+`],"iv":"$tag","ciphertext":"$text","tag":"$iv"}`),
	jweForm("aad added", ReasonDecryption, `{"protected":"$header","aad":"YQ","recipients":[`+recipient+`],`+generalTail),
	jweForm("trailing object", ReasonSyntax, `{"protected":"$header","recipients":[`+recipient+`],`+generalTail+`{}`),
	jweForm("trailing NUL", ReasonSyntax, `{"protected":"$header","recipients":[`+recipient+`],`+generalTail+"\x00"),
	jweForm("byte order mark", ReasonSyntax, "\ufeff"+`{"protected":"$header","recipients":[`+recipient+`],`+generalTail),
	jweForm("trailing comma", ReasonSyntax, `{"protected":"$header","recipients":[`+recipient+`],"iv":"$iv","ciphertext":"$text","tag":"$tag",}`),
	jweForm("single quotes", ReasonSyntax, `{'protected':"$header","recipients":[`+recipient+`],`+generalTail),
	jweForm("cut off", ReasonSyntax, `{"protected":"$header","recipients":[`+recipient+`],"iv":"$iv","ciphertext":"$text`),
	jweForm("nested without end", ReasonSyntax, strings.Repeat("[", 100000)),
	jweForm("recipients nested", ReasonSyntax, `{"protected":"$header","recipients":[[[[`+recipient+`]]]],`+generalTail),
	jweForm("a name that differs in case", ReasonUnknownMember, `{"protected":"$header","Recipients":[`+recipient+`],`+generalTail),
	jweForm("a name written with an escape", ReasonUnknownMember, `{"protected":"$header","recip\u0069ents":[`+recipient+`],`+generalTail),
	jwsForm("no signatures", ReasonMissingMember, `{"payload":"$payload"}`),
	jwsForm("empty signatures", ReasonCount, `{"payload":"$payload","signatures":[]}`),
	jwsForm("two signatures", ReasonCount, `{"payload":"$payload","signatures":[`+signature+`,`+signature+`]}`),
	jwsForm("signatures twice", ReasonDuplicateMember, `{"payload":"$payload","signatures":[`+signature+`],"signatures":[`+signature+`]}`),
	jwsForm("signature without value", ReasonMissingMember, `{"payload":"$payload","signatures":[{"protected":"$header"}]}`),
	jwsForm("signature without header", ReasonMissingMember, `{"payload":"$payload","signatures":[{"signature":"$sig"}]}`),
	jwsForm("signature header empty", ReasonSyntax, `{"payload":"$payload","signatures":[{"protected":"","signature":"$sig"}]}`),
	jwsForm("signature empty", ReasonSignature, `{"payload":"$payload","signatures":[{"protected":"$header","signature":""}]}`),
	jwsForm("JWS general and flattened together", ReasonSerialization, `{"payload":"$payload","protected":"$header","signature":"$sig","signatures":[`+signature+`]}`),
	jwsForm("JWS flattened", ReasonSerialization, `{"payload":"$payload","protected":"$header","signature":"$sig"}`),
	jwsForm("JWS unknown member", ReasonUnknownMember, `{"payload":"$payload","extra":{},"signatures":[`+signature+`]}`),
	jwsForm("JWS unknown member of a signature", ReasonUnknownMember, `{"payload":"$payload","signatures":[{"protected":"$header","signature":"$sig","kid":"client-1"}]}`),
	jwsForm("JWS payload twice", ReasonDuplicateMember, `{"payload":"$payload","payload":"$payload","signatures":[`+signature+`]}`),
	jwsForm("JWS payload detached", ReasonMissingMember, `{"signatures":[`+signature+`]}`),
	jwsForm("JWS payload another", ReasonSignature, `{"payload":"e30","signatures":[`+signature+`]}`),
	jwsForm("JWS trailing data", ReasonSyntax, `{"payload":"$payload","signatures":[`+signature+`]} x`),

	// Encodings.
	{"newline in the ciphertext", ReasonEncoding, spoil(func(p *jweText) { p.ciphertext = p.ciphertext[:4] + "\n" + p.ciphertext[4:] })},
	{"carriage return in the iv", ReasonEncoding, spoil(func(p *jweText) { p.iv += "\r" })},
	{"escaped newline in the ciphertext", ReasonEncoding, spoil(func(p *jweText) { p.ciphertext += `\n` })},
	{"escaped letter in the key", ReasonEncoding, spoil(func(p *jweText) { p.key = fmt.Sprintf(`\u%04x`, p.key[0]) + p.key[1:] })},
	{"padding", ReasonEncoding, spoil(func(p *jweText) { p.iv += "==" })},
	{"standard alphabet", ReasonEncoding, spoil(func(p *jweText) { p.ciphertext = "+/" + p.ciphertext[2:] })},
	{"space", ReasonEncoding, spoil(func(p *jweText) { p.tag = " " + p.tag[1:] })},
	{"trailing bits of the iv", ReasonEncoding, spoil(func(p *jweText) { p.iv = trailingBits(p.iv) })},
	{"trailing bits of the key", ReasonEncoding, spoil(func(p *jweText) { p.key = trailingBits(p.key) })},
	{"trailing bits of the tag", ReasonEncoding, spoil(func(p *jweText) { p.tag = trailingBits(p.tag) })},
	{"newline in the protected header", ReasonEncoding, spoil(func(p *jweText) { p.protected += "\n" })},
	{"encrypted key of another size", ReasonDecryption, spoil(func(p *jweText) { p.key = strings.Repeat("A", 340) })},
	{"encrypted key far too long", ReasonEncoding, spoil(func(p *jweText) { p.key = strings.Repeat("A", 4000) })},
	{"ciphertext changed", ReasonDecryption, spoil(func(p *jweText) { p.ciphertext = flip(p.ciphertext) })},
	{"ciphertext no whole blocks", ReasonDecryption, spoil(func(p *jweText) { p.ciphertext = p.ciphertext[:len(p.ciphertext)-4] })},
	{"tag changed", ReasonDecryption, spoil(func(p *jweText) { p.tag = flip(p.tag) })},
	{"iv changed", ReasonDecryption, spoil(func(p *jweText) { p.iv = flip(p.iv) })},
	{"key changed", ReasonDecryption, spoil(func(p *jweText) { p.key = flip(p.key) })},
	{"protected header rewritten", ReasonDecryption, spoil(func(p *jweText) { p.protected = b64(`{"enc":"A256CBC-HS512","alg":"RSA-OAEP-256"}`) })},
	{"trailing bits of the signature", ReasonEncoding, func(f *forge) {
		f.jws = func(payload, header, sig string) string {
			return fmt.Sprintf(`{"payload":"%s","signatures":[{"protected":"%s","signature":"%s"}]}`, payload, header, trailingBits(sig))
		}
	}},
	{"newline in the payload", ReasonEncoding, func(f *forge) {
		f.jws = nil
		f.signature = nil
		s := strings.Replace(f.signed(), b64(f.payload), b64(f.payload)[:4]+"\n"+b64(f.payload)[4:], 1)
		g, _ := parseJWS([]byte(s), false)
		// Signed as it stands, so that only the encoding is wrong.
		sum := sha256.Sum256([]byte(string(g.protected) + "." + string(g.payload)))
		sig, _ := rsa.SignPKCS1v15(nil, rawKey(clientKey()), 5, sum[:])
		s = strings.Replace(s, string(g.signature), b64(string(sig)), 1)
		f.content = &s
	}},
}

// spoil changes a part of the finished JWE.
func spoil(change func(*jweText)) func(*forge) {
	return func(f *forge) {
		f.jwe = func(p jweText) string {
			change(&p)
			return generalJWE(p, "")
		}
	}
}

// trailingBits sets an unused bit of the last character.
func trailingBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[i|1])
}

// flip changes a bit of the first character, keeping it in the alphabet.
func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range forgeries {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := honest()
			tt.change(f)
			m, err := openAsBank(f.sealed())
			assertRefused(t, m, err, tt.want)
		})
	}
}

func TestOpenRefusesOther(t *testing.T) {
	t.Parallel()
	compact := func() string {
		s, err := SealCompact([]byte("x"), bankDecryption().Public())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// Encrypt-then-sign: a JWE as the payload of a JWS.
	turned := honest()
	turned.payload = honest().sealed()
	for name, tt := range map[string]struct {
		message string
		want    Reason
	}{
		"nothing":           {"", ReasonSyntax},
		"white space":       {" \n", ReasonSyntax},
		"no JSON":           {"amount=10", ReasonSyntax},
		"null":              {"null", ReasonSyntax},
		"array":             {"[{}]", ReasonSyntax},
		"plain JSON":        {honest().payload, ReasonNotEncrypted},
		"empty object":      {"{}", ReasonMissingMember},
		"bare JWS":          {honest().signed(), ReasonNotEncrypted},
		"encrypt-then-sign": {turned.signed(), ReasonNotEncrypted},
		"compact JWE":       {compact(), ReasonSyntax},
		"over the limit":    {strings.Repeat(" ", DefaultMaxMessage) + "{}", ReasonTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := openAsBank(tt.message)
			assertRefused(t, m, err, tt.want)
		})
	}
}

// assertRefused wants the uniform error, with the exact reason behind it.
func assertRefused(t *testing.T, m *Message, err error, want Reason) {
	t.Helper()
	if m != nil || err == nil {
		t.Fatal("opened")
	}
	var refused *Error
	if !errors.As(err, &refused) {
		t.Fatalf("%T, want *Error", err)
	}
	if refused.Reason != want {
		t.Errorf("reason %s (%v), want %s", refused.Reason, errors.Unwrap(err), want)
	}
	if err.Error() != "jose: message refused" {
		t.Errorf("the text %q tells more than that", err)
	}
	status, code := refused.Refusal()
	if want != ReasonTooLarge && (status != 400 || code != "message_invalid") {
		t.Errorf("answer %d %s tells more than that", status, code)
	}
	if errors.Unwrap(err) == nil {
		t.Error("no cause for the log")
	}
}
