package ovf

import "github.com/beevik/etree"

// document is the element tree of a descriptor with each element's namespace
// and place.
//
// The tree is etree's, but it is built here from the token stream: etree's own
// reading accepts empty input, two roots, duplicate attributes and unbound
// prefixes, knows no positions, and spends some seventy bytes per byte of tiny
// elements before any limit could stop it. White space between elements,
// comments and namespace declarations are not kept, and the Space of an
// attribute is the URI of its namespace, not the prefix somebody chose.
type document struct {
	root   *etree.Element
	places map[*etree.Element]*place
	legacy bool // VMware's 0.9 namespace counts as OVF here, and so do elements in none
	late   bool // the XML declaration stands after white space
}

func (d *document) node(el *etree.Element) node { return node{el, d} }

// Namespaces of the standard and of its neighbours.
const (
	nsEnvelope1  = "http://schemas.dmtf.org/ovf/envelope/1"
	nsEnvelope2  = "http://schemas.dmtf.org/ovf/envelope/2"
	nsEnvelope09 = "http://www.vmware.com/schema/ovf/1/envelope"
	nsXML        = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS      = "http://www.w3.org/2000/xmlns/"
	nsXSI        = "http://www.w3.org/2001/XMLSchema-instance"
	nsVMware     = "http://www.vmware.com/schema/ovf"
	nsVBox       = "http://www.virtualbox.org/ovf/machine"
	nsCIM        = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_"
	nsStrings    = "http://schemas.dmtf.org/ovf/strings/1"
	nsXMLEnc     = "http://www.w3.org/2001/04/xmlenc#"
	nsXen        = "http://schemas.citrix.com/ovf/envelope/1"
	nsIBM        = "ibmpvc"
	nsVCloud     = "http://www.vmware.com/vcloud/v1.5"
)

func (d *document) isOVF(namespace string) bool {
	return namespace == nsEnvelope1 || namespace == nsEnvelope2 ||
		(d.legacy && (namespace == nsEnvelope09 || namespace == ""))
}

// syntaxError is what makes a descriptor unreadable, and where.
type syntaxError struct {
	code         Code
	line, column int
	message      string
}

func (e *syntaxError) Error() string { return e.message }
