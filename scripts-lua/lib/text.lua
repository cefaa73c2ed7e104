-- text: what files of old systems need: padding, trimming, cutting, character sets.

local charset = require "charset.core"

local M = {}

-- Bytes in a character set as text, and back. Sets: utf-8, ascii, iso-8859-1, -2, -15, windows-1250, -1252, ibm437, ibm850
-- (DOS), and of EBCDIC ibm037, ibm273, ibm500, ibm1047, ibm1140. A character that the set has not got is an error, or
-- becomes `substitute`.
M.decode, M.encode = charset.decode, charset.encode

function M.charsets()
  return {table.unpack(charset.names)}
end

function M.trim(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- The first `width` characters (UTF-8), filled up with blanks or `fill` on the right.
function M.left(value, width, fill)
  local text = M.cut(tostring(value), width)
  return text .. (fill or " "):rep(width - utf8.len(text))
end

-- Filled up on the left; what does not fit is an error, because it would lose leading digits.
function M.right(value, width, fill)
  local text = tostring(value)
  local length = utf8.len(text) or #text
  if length > width then error("'" .. text .. "' has more than " .. width .. " characters", 2) end
  return (fill or " "):rep(width - length) .. text
end

-- Digits with leading zeros: text.zeros(42, 6) is "000042".
function M.zeros(value, width)
  local text = tostring(value)
  if not text:find("^%d+$") then error("'" .. text .. "' is not made of digits", 2) end
  return M.right(text, width, "0")
end

-- At most `width` characters, never half of one.
function M.cut(text, width)
  local length = utf8.len(text)
  if not length then return text:sub(1, width) end
  if length <= width then return text end
  return text:sub(1, utf8.offset(text, width + 1) - 1)
end

-- "a;b;;c" → {"a", "b", "", "c"}
function M.split(text, separator)
  local parts, from = {}, 1
  while true do
    local first, last = text:find(separator, from, true)
    if not first then break end
    parts[#parts + 1] = text:sub(from, first - 1)
    from = last + 1
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

-- The lines, without their ends (LF or CR LF).
function M.lines(text)
  local lines = {}
  for line in (text:sub(-1) == "\n" and text or text .. "\n"):gmatch("(.-)\r?\n") do lines[#lines + 1] = line end
  if text == "" then lines = {} end
  return lines
end

function M.starts(text, prefix)
  return text:sub(1, #prefix) == prefix
end

function M.ends(text, suffix)
  return suffix == "" or text:sub(-#suffix) == suffix
end

-- Empty or blank text becomes nil: `order.note = text.present(row.note)`.
function M.present(value)
  if value == nil then return nil end
  local text = M.trim(tostring(value))
  if text == "" then return nil end
  return text
end

-- Bytes 0x80 to 0x9F of Windows-1252; those it leaves out stay control characters, as in ISO 8859-1.
local windows = {
  [0x80] = 0x20AC, [0x82] = 0x201A, [0x83] = 0x0192, [0x84] = 0x201E, [0x85] = 0x2026, [0x86] = 0x2020, [0x87] = 0x2021,
  [0x88] = 0x02C6, [0x89] = 0x2030, [0x8A] = 0x0160, [0x8B] = 0x2039, [0x8C] = 0x0152, [0x8E] = 0x017D, [0x91] = 0x2018,
  [0x92] = 0x2019, [0x93] = 0x201C, [0x94] = 0x201D, [0x95] = 0x2022, [0x96] = 0x2013, [0x97] = 0x2014, [0x98] = 0x02DC,
  [0x99] = 0x2122, [0x9A] = 0x0161, [0x9B] = 0x203A, [0x9C] = 0x0153, [0x9E] = 0x017E, [0x9F] = 0x0178,
}

local function decode_bytes(text, table_of_high)
  return (text:gsub("[\x80-\xFF]", function(byte)
    local code = byte:byte()
    return utf8.char(table_of_high[code] or code)
  end))
end

function M.from_latin1(bytes)
  return decode_bytes(bytes, {})
end

function M.from_windows1252(bytes)
  return decode_bytes(bytes, windows)
end

-- A character that the set has not got becomes `substitute` (default "?").
local function encode_bytes(text, byte_of, substitute)
  local out = {}
  for _, code in utf8.codes(text) do
    local byte = code < 0x80 and code or byte_of(code)
    out[#out + 1] = byte and string.char(byte) or substitute or "?"
  end
  return table.concat(out)
end

function M.to_latin1(text, substitute)
  return encode_bytes(text, function(code) return code <= 0xFF and code or nil end, substitute)
end

function M.to_windows1252(text, substitute)
  local bytes = {}
  for byte, code in pairs(windows) do bytes[code] = byte end
  return encode_bytes(text, function(code)
    return bytes[code] or (code >= 0xA0 and code <= 0xFF and code or nil)
  end, substitute)
end

-- Letters that ASCII has not got, written with those it has; anything else becomes `substitute` (default "?").
local plain = {
  ["À"] = "A", ["Á"] = "A", ["Â"] = "A", ["Ã"] = "A", ["Ä"] = "Ae", ["Å"] = "A", ["Æ"] = "AE", ["Ç"] = "C", ["È"] = "E",
  ["É"] = "E", ["Ê"] = "E", ["Ë"] = "E", ["Ì"] = "I", ["Í"] = "I", ["Î"] = "I", ["Ï"] = "I", ["Ð"] = "D", ["Ñ"] = "N",
  ["Ò"] = "O", ["Ó"] = "O", ["Ô"] = "O", ["Õ"] = "O", ["Ö"] = "Oe", ["Ø"] = "O", ["Œ"] = "OE", ["Š"] = "S", ["Ù"] = "U",
  ["Ú"] = "U", ["Û"] = "U", ["Ü"] = "Ue", ["Ý"] = "Y", ["Ž"] = "Z", ["Þ"] = "Th", ["ß"] = "ss", ["à"] = "a", ["á"] = "a",
  ["â"] = "a", ["ã"] = "a", ["ä"] = "ae", ["å"] = "a", ["æ"] = "ae", ["ç"] = "c", ["è"] = "e", ["é"] = "e", ["ê"] = "e",
  ["ë"] = "e", ["ì"] = "i", ["í"] = "i", ["î"] = "i", ["ï"] = "i", ["ð"] = "d", ["ñ"] = "n", ["ò"] = "o", ["ó"] = "o",
  ["ô"] = "o", ["õ"] = "o", ["ö"] = "oe", ["ø"] = "o", ["œ"] = "oe", ["š"] = "s", ["ù"] = "u", ["ú"] = "u", ["û"] = "u",
  ["ü"] = "ue", ["ý"] = "y", ["ÿ"] = "y", ["ž"] = "z", ["þ"] = "th", ["Ł"] = "L", ["ł"] = "l", ["–"] = "-", ["—"] = "-",
  ["‘"] = "'", ["’"] = "'", ["“"] = '"', ["”"] = '"', ["„"] = '"', ["…"] = "...", ["€"] = "EUR", ["\u{A0}"] = " ",
}

-- Central Europe, the Baltic and Turkey: each letter and its plain one.
local more = "ĀAāaĂAăaĄAąaĆCćcČCčcĎDďdĐDđdĒEēeĖEėeĘEęeĚEěeĞGğgĢGģgĪIīiĮIįiİIıiĶKķkĹLĺlĻLļlĽLľlŃNńnŅNņnŇNňnŌOōoŐOőo"
  .. "ŔRŕrŘRřrŚSśsŞSşsȘSșsŢTţtȚTțtŤTťtŪUūuŮUůuŰUűuŲUųuŹZźzŻZżz"
for letter, letter_of_ascii in more:gmatch("([\xC2-\xDF][\x80-\xBF])(%a)") do plain[letter] = letter_of_ascii end

function M.to_ascii(text, substitute)
  return (text:gsub(utf8.charpattern, function(character)
    if #character == 1 then return character end
    return plain[character] or substitute or "?"
  end))
end

return M
