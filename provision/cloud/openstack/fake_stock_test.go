package openstack

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// stock serves what Nova has beside servers: flavors, server groups and limits.
func (f *fake) stock(r *http.Request, path []string, body thing) (int, any, *refusal) {
	singular := map[string]string{"flavors": "flavor", "os-server-groups": "server_group"}[path[0]]
	collection := singular + "s"
	switch {
	case path[0] == "limits":
		return http.StatusOK, thing{"limits": thing{"absolute": f.limits["compute"]}}, nil
	case r.Method == http.MethodGet && (len(path) == 1 || path[1] == "detail"):
		return http.StatusOK, thing{collection: append([]thing{}, f.list(collection)...)}, nil
	case r.Method == http.MethodPost:
		t := thing(body[singular].(map[string]any))
		switch {
		case f.plain:
			return 0, nil, refuse(http.StatusForbidden, "forbidden", "Policy doesn't allow it to be performed.")
		case t["id"] != nil && f.things[collection][t.text("id")] != nil:
			return 0, nil, refuse(http.StatusConflict, "conflictingRequest", "Flavor with ID %s already exists.", t["id"])
		}
		if t["id"] == nil {
			t["id"] = uuid.NewString()
		}
		return http.StatusOK, thing{singular: f.put(collection, t)}, nil
	}
	t := f.things[collection][path[1]]
	switch {
	case t == nil:
		return 0, nil, refuse(http.StatusNotFound, "itemNotFound", "%s could not be found.", path[1])
	case r.Method == http.MethodDelete:
		delete(f.things[collection], path[1])
		return http.StatusAccepted, nil, nil
	}
	return http.StatusOK, thing{singular: t}, nil
}

// equipped checks what a server is to be made from, where the cloud has any of it.
func (f *fake) equipped(s, hints thing) *refusal {
	flavor := f.things["flavors"][s.text("flavorRef")]
	if len(f.list("flavors")) == 0 {
		return nil // a test that has nothing to do with it
	}
	image := f.things["images"][s.text("imageRef")]
	switch {
	case flavor == nil:
		return refuse(http.StatusBadRequest, "badRequest", "Flavor %s could not be found.", s["flavorRef"])
	case image == nil || image.text("status") != "active":
		return refuse(http.StatusBadRequest, "badRequest", "Image %s is unacceptable.", s["imageRef"])
	}
	s["flavor"], s["image"] = thing{"original_name": flavor["name"], "vcpus": flavor["vcpus"], "ram": flavor["ram"]}, thing{"id": image["id"]}
	devices, _ := s["block_device_mapping_v2"].([]any)
	for n, device := range devices {
		d := thing(device.(map[string]any))
		if d.text("source_type") == "image" && (n != 0 || d["uuid"] != s["imageRef"]) {
			return refuse(http.StatusBadRequest, "badRequest", "Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.")
		}
		if d.text("source_type") != "volume" {
			continue
		}
		v := f.things["volumes"][d.text("uuid")]
		if v == nil || v.text("status") != "available" {
			return refuse(http.StatusBadRequest, "badRequest", "Block Device Mapping is Invalid: failed to get volume %s.", d["uuid"])
		}
		v["status"], v["server"] = "in-use", s["id"]
	}
	if id := fmt.Sprint(hints["group"]); hints != nil {
		g := f.things["server_groups"][id]
		if g == nil {
			return refuse(http.StatusBadRequest, "badRequest", "Instance group %s could not be found.", id)
		}
		g["members"] = append(texts(g["members"]), s.text("id"))
	}
	return nil
}

// glance serves images. What it is told to spoil it keeps wrong.
func (f *fake) glance(r *http.Request, path []string, t thing) (int, any, *refusal) {
	switch {
	case len(path) == 1 && r.Method == http.MethodGet:
		return http.StatusOK, thing{"images": f.tagged(r)}, nil
	case len(path) == 1:
		t["status"], t["owner"], t["created_at"] = "queued", f.list("projects")[0]["id"], time.Now().UTC().Format(time.RFC3339)
		return http.StatusCreated, f.put("images", t), nil
	}
	i := f.things["images"][path[1]]
	switch {
	case i == nil:
		return 0, nil, refuse(http.StatusNotFound, "NotFound", "No image found with ID %s", path[1])
	case r.Method == http.MethodDelete:
		delete(f.things["images"], path[1])
		return http.StatusNoContent, nil, nil
	case r.Method == http.MethodPatch:
		var changes []struct {
			Path  string
			Value any
		}
		_ = json.NewDecoder(r.Body).Decode(&changes)
		i[strings.TrimPrefix(changes[0].Path, "/")] = changes[0].Value
	case len(path) == 3:
		return f.receive(r, i)
	}
	return http.StatusOK, i, nil
}

func (f *fake) receive(r *http.Request, i thing) (int, any, *refusal) {
	if i.text("status") != "queued" {
		return 0, nil, refuse(http.StatusConflict, "Conflict", "Image status transition from %s to saving is not allowed", i["status"])
	}
	bytes, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "BadRequest", "the upload broke off")
	}
	f.uploads++
	if f.spoil {
		bytes = append(bytes, 0)
	}
	sum := sha512.Sum512(bytes)
	i["status"], i["os_hash_algo"], i["os_hash_value"], i["size"] = "active", "sha512", hex.EncodeToString(sum[:]), len(bytes)
	i["content"] = string(bytes)
	return http.StatusNoContent, nil, nil
}

// tagged are images with all of the query's tags.
func (f *fake) tagged(r *http.Request) []thing {
	list := []thing{}
	for _, i := range f.list("images") {
		has := texts(i["tags"])
		if !slices.ContainsFunc(r.URL.Query()["tag"], func(tag string) bool { return !slices.Contains(has, tag) }) {
			list = append(list, i)
		}
	}
	return list
}

// cinder serves volumes, which take one look to become available.
func (f *fake) cinder(r *http.Request, path []string, body thing) (int, any, *refusal) {
	switch {
	case path[0] == "limits":
		return http.StatusOK, thing{"limits": thing{"absolute": f.limits["volume"]}}, nil
	case len(path) == 2 && path[1] == "detail":
		return http.StatusOK, thing{"volumes": append([]thing{}, f.list("volumes")...)}, nil
	case len(path) == 1:
		v := thing(body["volume"].(map[string]any))
		if image := f.things["images"][v.text("imageRef")]; v.text("imageRef") != "" {
			if image == nil {
				return 0, nil, refuse(http.StatusBadRequest, "badRequest", "Invalid image identifier")
			}
			v["content"] = image["content"]
		}
		v["status"] = "creating"
		return http.StatusAccepted, thing{"volume": f.put("volumes", v)}, nil
	}
	v := f.things["volumes"][path[1]]
	switch {
	case v == nil:
		return 0, nil, refuse(http.StatusNotFound, "itemNotFound", "Volume %s could not be found.", path[1])
	case r.Method == http.MethodDelete && v.text("status") != "available":
		return 0, nil, refuse(http.StatusBadRequest, "badRequest", "Invalid volume: Volume status must be available or error")
	case r.Method == http.MethodDelete:
		delete(f.things["volumes"], path[1])
		return http.StatusAccepted, nil, nil
	case r.Method == http.MethodPut:
		for k, x := range body["volume"].(map[string]any) {
			v[k] = x
		}
	case v.text("status") == "creating":
		v["status"] = "available"
	}
	return http.StatusOK, thing{"volume": v}, nil
}
