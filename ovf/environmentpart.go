package ovf

// EnvironmentPart is a file of the package that the guest finds beside its
// environment document (EnvironmentFilesSection, 2.x).
type EnvironmentPart struct {
	FileRef string // id of a File
	Path    string // on the medium, relative to its folder ovffiles; checked like a member name
}

func (r *reader) environmentFiles(c *Content, n node) {
	paths := map[string]bool{}
	for _, part := range c.EnvironmentFiles {
		paths[fold(part.Path)] = true
	}
	r.parts(n, func(file node) bool {
		if !file.is("File") {
			return false
		}
		part := EnvironmentPart{FileRef: r.need(file, "fileRef"), Path: r.need(file, "path")}
		if part.FileRef == "" || part.Path == "" {
			return true
		}
		path, err := memberName(part.Path)
		switch {
		case err != nil:
			r.err(file.place(), CodeHref, "path %q: %v", printable(part.Path, 100), err)
		case paths[fold(path)]:
			r.err(file.place(), CodeDuplicateFile, "two environment files have the path %q", printable(path, 100))
		default:
			part.Path, paths[fold(path)] = path, true
			r.fileUse(file, part.FileRef, Error)
			c.EnvironmentFiles = append(c.EnvironmentFiles, part)
		}
		return true
	})
}
