// Its path is not below that of Holdfast on purpose: so the compiler makes sure that
// a backend needs no internal package.
module example.org/filestore

go 1.26.0

require (
	example.com/holdfast v0.0.0
	golang.org/x/sys v0.49.0
)

replace example.com/holdfast => ../..
