// Package bankdemo is what the bank's example servers have in common. None of it
// is needed to use the library.
package bankdemo
