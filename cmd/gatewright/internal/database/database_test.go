package database

import "testing"

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"site.db":                            "SQLite file site.db",
		"sqlite:/var/lib/site.db":            "SQLite file /var/lib/site.db",
		"postgres://u@db.example/app":        "PostgreSQL database app at db.example:5432",
		"postgresql://u:secret@db.example/x": "PostgreSQL database x at db.example:5432",
		"host=db.example dbname=app":         "PostgreSQL database app at db.example:5432",
		"mysql://u:secret@db.example/app":    "MySQL database app at db.example:3306",
		"mariadb://u@db.example:3307/app":    "MySQL database app at db.example:3307",
		"u:secret@tcp(db.example:3306)/app":  "MySQL database app at db.example:3306",
	} {
		d, err := Parse(text)
		if err != nil || d.String() != want {
			t.Errorf("%s: %q %v", text, d, err)
		}
	}
	for _, text := range []string{"", "sqlite:", "oracle://u@h/x", "a\nb", "https://h/x"} {
		if d, err := Parse(text); err == nil {
			t.Errorf("%q: %v", text, d)
		}
	}
}

func TestHasPassword(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"site.db": false, "sqlite:a:b@c": false,
		"postgres://u@h/x": false, "postgres://u:p@h/x": true, "postgresql://u:@h/x": true, "postgres://u@h/x?password=p": true,
		"postgres://u@h/x?sslpassword=p": true, "postgres://u:%zz@h/x": true, "host=h user=u": false, "host=h password=p": true, "user=u host=h password='p'": true,
		"mysql://u@h/x": false, "mysql://u:p@h/x": true, "mariadb://u:p@h/x": true, "u@tcp(h:1)/x": false, "u:p@tcp(h:1)/x": true, "u:p@unix(/s)/x": true,
	} {
		if hasPassword(text) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}
