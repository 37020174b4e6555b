# Makes ocsf-1.8.0.json, JSON Schema, from the framework's published metaschema (Apache-2.0):
#   python3 ocsf.py CHECKOUT TAG OUT CLASS…
# Attributes of profiles are permitted and never required.
import json, subprocess, sys
REPO, REV, OUT = sys.argv[1:4]
def show(path):
    return json.loads(subprocess.check_output(["git","-C",REPO,"show",f"{REV}:{path}"]))
files = subprocess.check_output(["git","-C",REPO,"ls-tree","-r","--name-only",REV]).decode().split()
dictionary = show("dictionary.json")
objects, events = {}, {}
for f in files:
    if f.startswith("objects/") and f.endswith(".json"): d=show(f); objects[d.get("name") or d["extends"]+"~"+f]=d
    if f.startswith("events/") and f.endswith(".json"): d=show(f); events[d.get("name") or f]=d
cats = {k:v["uid"] for k,v in show("categories.json")["attributes"].items()}
def merge(into, attrs):
    for k,v in attrs.items():
        if k=="$include":
            for inc in (v if isinstance(v,list) else [v]):
                included=json.loads(json.dumps(show(inc).get("attributes",{})))
                if inc.startswith("profiles/"):
                    for a in included.values(): a.setdefault("profile",inc)
                merge(into, included)
            continue
        cur=into.setdefault(k,{})
        for a,b in v.items():
            if a=="enum": cur.setdefault("enum",{}).update(b)
            else: cur[a]=b
def resolved(table,name):
    d=table[name]; attrs={}; cons={}
    if "extends" in d and d["extends"] in table and d["extends"]!=name:
        pa,pc=resolved(table,d["extends"]); merge(attrs,json.loads(json.dumps(pa))); cons.update(pc)
    merge(attrs,d.get("attributes",{})); cons.update(d.get("constraints",{}))
    return attrs,cons
types=dictionary["types"]["attributes"]
needed={}
def schema_of(attr,name):
    base=dictionary["attributes"][name]
    enum=dict(base.get("enum",{})); enum.update(attr.get("enum",{}))
    t=attr.get("type",base["type"]); arr=base.get("is_array") or attr.get("is_array")
    if t=="object_t" or t in objects:
        o=t if t in objects else attr.get("object_type",base.get("object_type"))
        if o in ("object","unmapped"): s={"type":"object"}
        else:
            if o not in needed:
                needed[o]=None; needed[o]=obj(o)
            s={"$ref":f"#/$defs/{o}"}
    elif t=="json_t": s={}
    else:
        td=types[t]; base_t=td.get("type",t)
        s={"string_t":{"type":"string"},"integer_t":{"type":"integer"},"long_t":{"type":"integer"},"float_t":{"type":"number"},"boolean_t":{"type":"boolean"}}[base_t].copy()
        if "regex" in td: s["pattern"]=td["regex"]
        if "range" in td: s["minimum"],s["maximum"]=td["range"]
        if enum and base_t=="integer_t": s["enum"]=sorted(int(k) for k in enum)
        elif enum and base_t=="string_t" and attr.get("enum"): pass
    return {"type":"array","items":s} if arr else s
def body(attrs,cons):
    props={}; req=[]
    for k,a in sorted(attrs.items()):
        if k not in dictionary["attributes"]: raise SystemExit("unknown "+k)
        props[k]=schema_of(a,k)
        if a.get("requirement")=="required" and not a.get("profile"): req.append(k)
    s={"type":"object","properties":props,"required":req,"additionalProperties":False}
    if "at_least_one" in cons: s["anyOf"]=[{"required":[x]} for x in cons["at_least_one"]]
    if "just_one" in cons: s["oneOf"]=[{"required":[x]} for x in cons["just_one"]]
    return s
def obj(o):
    return body(*resolved(objects,o))
CLASSES=sys.argv[4:]
out={}
for name in CLASSES:
    attrs,cons=resolved(events,name)
    d=events[name]
    s=body(attrs,cons)
    # class constants
    cat=d.get("category") 
    e=d
    while not cat and "extends" in e: e=events[e["extends"]]; cat=e.get("category")
    cu=cats[cat] if cat in cats else 0
    uid=cu*1000+d.get("uid",0)
    s["properties"]["class_uid"]={"const":uid}; s["properties"]["category_uid"]={"const":cu}
    out[name]=s
full={"$schema":"https://json-schema.org/draft/2020-12/schema","$id":f"ocsf-{show('version.json')['version']}","classes":out,"$defs":dict(sorted(needed.items()))}
json.dump(full,open(OUT,"w"),separators=(",",":"),sort_keys=True)
print(show('version.json'),{k:v["properties"]["class_uid"] for k,v in out.items()},len(needed))
