-- edi: X12 and UN/EDIFACT documents, read and built.
--
-- Reading: message.edi is a document; edi.decode(text) makes one from text, edi.documents(text) a list of all.
--   po:text("BEG", 3)               po:date("BEG", 5)              po:number("CTT", 1)
--   po:text("REF", "DP", 2)         the REF whose first element is DP
--   for loop in po:loops("PO1") do … loop:segment("PO1"):qualified(6, "VP") … end
--   for n1 in po:segments("N1") do … end
-- A document as it is: return {json = message.edi} gives the JSON of `banyan edi json`, every element in its place;
-- edi.json(po) is its text, edi.from_json(text) the EDI that such a text says.
--
-- Building: return {edi = edi.document("850", "004010", function(d)
--     d:segment("BEG", "00", "SA", order.number, nil, edi.date(order.date))
--     …
--   end)}
-- or with a plain list: edi.document("850", "004010", {{"BEG", "00", "SA", "4711", nil, "20261123"}, …}).
-- Envelope, ST/SE, counts and control numbers are made for it. nil leaves an element out; {"a", "b"} is a composite of
-- components; edi.repeated{"a", "b"} repeats an element. Numbers and decimals are written as the standard wants them
-- (19.90 where two decimals are implied is 1990). A document that its schema does not allow is an error at the line that
-- wrote the segment; {check = false} as a last argument leaves that out.

local core = require "edi.core"
local date = require "date"

local M = {
  decode = core.decode, documents = core.documents, repeated = core.repeated, json = core.json, from_json = core.from_json,
}

local builder = {}
local builder_meta = {__index = builder, __metatable = "builder"}

function builder:segment(tag, ...)
  if type(tag) ~= "string" then error("a segment begins with its tag, this is a " .. type(tag), 2) end
  local segment = table.pack(tag, ...)
  segment.place = core.place()
  self.segments[#self.segments + 1] = segment
  return self
end

-- How many segments of this tag there are so far: for CTT and the like.
function builder:count(tag)
  local count = 0
  for _, segment in ipairs(self.segments) do
    if segment[1] == tag then count = count + 1 end
  end
  return count
end

-- `build` is a function that gets the builder, or a list of segments. Options: check, group, agency, association.
function M.document(document_type, version, build, options)
  local document = {
    type = document_type, version = version, segments = {}, place = core.place(), options = options or {},
  }
  if type(build) == "function" then
    build(setmetatable({segments = document.segments}, builder_meta))
  elseif type(build) == "table" then
    document.segments = build
  else
    error("edi.document(type, version, function(d) … end) or with a list of segments", 2)
  end
  return document
end

-- "2026-11-23" as EDI writes it: "20261123"; another pattern of the date module may be given. nil stays nil; what is
-- no date rejects the message.
function M.date(iso, pattern)
  if iso == nil then return nil end
  local done, text = pcall(date.format, iso, pattern or "ccyymmdd")
  if not done then reject("'" .. tostring(iso) .. "' is not a date such as 2026-11-23", {code = "invalid"}) end
  return text
end

return M
