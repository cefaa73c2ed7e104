-- date: calendar dates and times, between EDI and ISO 8601.
--
--   date.parse("20261123", "ccyymmdd") → "2026-11-23"       date.format("2026-11-23", "ccyymmdd") → "20261123"
--   date.iso("20261123") → "2026-11-23"                      date.valid("2026-02-30") → false
--   date.today(), date.now() → "2026-11-23", "2026-11-23T16:15:20Z" (UTC)
--   date.add("2026-11-23", 14) → "2026-12-07"                date.days("2026-11-23", "2026-12-07") → 14
--
-- Between scripts a date is text: "2026-11-23", or "2026-11-23T16:15" with a time. Text compares and sorts as it should.
-- A pattern is made of ccyy yy mm dd hh mi ss and anything else as it stands. Two-digit years are 1970 to 2069.

local clock = require "clock.core"

local M = {}

-- The format codes of EDIFACT (data element 2379) that stand for one moment.
M.edifact = {
  ["101"] = "yymmdd", ["102"] = "ccyymmdd", ["201"] = "yymmddhhmi", ["202"] = "yymmddhhmiss", ["203"] = "ccyymmddhhmi",
  ["204"] = "ccyymmddhhmiss", ["401"] = "hhmi", ["402"] = "hhmiss", ["602"] = "ccyy", ["610"] = "ccyymm",
}

-- Days since 1970-01-01 of a date in the Gregorian calendar: years begin in March, so that the leap day comes last.
local function to_days(year, month, day)
  if month <= 2 then year = year - 1 end
  local shifted = (month + 9) % 12
  return 365 * year + year // 4 - year // 100 + year // 400 + (153 * shifted + 2) // 5 + day - 1 - 719468
end

local function from_days(days)
  days = days + 719468
  local era = days // 146097
  local rest = days % 146097
  local year = (rest - rest // 1460 + rest // 36524 - rest // 146096) // 365
  local day_of_year = rest - (365 * year + year // 4 - year // 100)
  local shifted = (5 * day_of_year + 2) // 153
  local day = day_of_year - (153 * shifted + 2) // 5 + 1
  local month = shifted < 10 and shifted + 3 or shifted - 9
  year = year + era * 400
  if month <= 2 then year = year + 1 end
  return year, month, day
end

local function days_in_month(year, month)
  if month == 2 then
    return (year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)) and 29 or 28
  end
  return (month == 4 or month == 6 or month == 9 or month == 11) and 30 or 31
end

local function is_date(year, month, day)
  return year and month and day and month >= 1 and month <= 12 and day >= 1 and day <= days_in_month(year, month)
end

local function is_time(hour, minute, second)
  return hour <= 23 and minute <= 59 and second <= 59
end

-- The numbers of an ISO date or date and time; nil when it is none.
local function split(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, rest = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)(.*)$")
  if not year then return nil end
  local at = {year = tonumber(year), month = tonumber(month), day = tonumber(day), hour = 0, minute = 0, second = 0}
  if not is_date(at.year, at.month, at.day) then return nil end
  if rest == "" then return at end
  local hour, minute, seconds = rest:match("^[T ](%d%d):(%d%d)(.*)$")
  if not hour then return nil end
  at.hour, at.minute, at.timed = tonumber(hour), tonumber(minute), true
  local second, zone = seconds:match("^:(%d%d)%.?%d*(.*)$")
  at.second, zone = tonumber(second) or 0, zone or seconds
  if zone ~= "" and zone ~= "Z" and not zone:find("^[+-]%d%d:?%d%d$") then return nil end
  at.zone = zone
  return is_time(at.hour, at.minute, at.second) and at or nil
end

local function check(text, level)
  local at = split(text)
  if not at then error("'" .. tostring(text) .. "' is not a date such as 2026-11-23", level + 1) end
  return at
end

function M.valid(text)
  return split(text) ~= nil
end

local names = {ccyy = "year", yy = "short_year", mm = "month", dd = "day", hh = "hour", mi = "minute", ss = "second"}

local function next_part(pattern, from)
  for _, part in ipairs {"ccyy", "yy", "mm", "dd", "hh", "mi", "ss"} do
    if pattern:sub(from, from + #part - 1) == part then return part end
  end
end

-- The date in ISO form, or nil and what is wrong with it.
function M.try(text, pattern)
  local found, at, from = {}, 1, 1
  text = tostring(text)
  while from <= #pattern do
    local part = next_part(pattern, from)
    local width = part and #part or 1
    local piece = text:sub(at, at + width - 1)
    if part then
      if not piece:find("^%d+$") or #piece < width then return nil, "'" .. text .. "' does not look like " .. pattern end
      found[names[part]] = tonumber(piece)
    elseif piece ~= pattern:sub(from, from) then
      return nil, "'" .. text .. "' does not look like " .. pattern
    end
    at, from = at + width, from + width
  end
  if at <= #text then return nil, "'" .. text .. "' is longer than " .. pattern end
  if found.short_year then found.year = found.short_year + (found.short_year < 70 and 2000 or 1900) end
  local hour, minute, second = found.hour or 0, found.minute or 0, found.second or 0
  if not is_time(hour, minute, second) then return nil, "'" .. text .. "' is no time of day" end
  local time = string.format("%02d:%02d", hour, minute)
  if found.second then time = time .. string.format(":%02d", second) end
  if not found.year and found.hour then return time end
  local month, day = found.month or 1, found.day or 1
  if not is_date(found.year, month, day) then return nil, "'" .. text .. "' is not in the calendar" end
  local iso = string.format("%04d-%02d-%02d", found.year, month, day)
  return found.hour and iso .. "T" .. time or iso
end

function M.parse(text, pattern)
  local iso, why = M.try(text, pattern)
  if not iso then error(why, 2) end
  return iso
end

-- What a date is by its length, as X12 has them: 8 digits, or 6 with a short year.
function M.iso(text)
  text = tostring(text)
  local pattern = ({[6] = "yymmdd", [8] = "ccyymmdd", [12] = "ccyymmddhhmi", [14] = "ccyymmddhhmiss"})[#text]
  if split(text) then return text end
  if not pattern then error("'" .. text .. "' is not a date of 6 or 8 digits", 2) end
  return M.parse(text, pattern)
end

function M.format(iso, pattern)
  local at = check(iso, 1)
  local values = {
    ccyy = string.format("%04d", at.year), yy = string.format("%02d", at.year % 100),
    mm = string.format("%02d", at.month), dd = string.format("%02d", at.day), hh = string.format("%02d", at.hour),
    mi = string.format("%02d", at.minute), ss = string.format("%02d", at.second),
  }
  local out, from = {}, 1
  while from <= #pattern do
    local part = next_part(pattern, from)
    out[#out + 1] = part and values[part] or pattern:sub(from, from)
    from = from + (part and #part or 1)
  end
  return table.concat(out)
end

function M.add(iso, days)
  local at = check(iso, 1)
  local year, month, day = from_days(to_days(at.year, at.month, at.day) + days)
  return string.format("%04d-%02d-%02d", year, month, day) .. iso:sub(11)
end

-- Whole days from the first to the second.
function M.days(from, to)
  local first, second = check(from, 1), check(to, 1)
  return to_days(second.year, second.month, second.day) - to_days(first.year, first.month, first.day)
end

-- 1 is Monday, 7 is Sunday.
function M.weekday(iso)
  local at = check(iso, 1)
  return (to_days(at.year, at.month, at.day) + 3) % 7 + 1
end

function M.now()
  local seconds = clock.now() // 1000
  local year, month, day = from_days(seconds // 86400)
  local rest = seconds % 86400
  return string.format("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, rest // 3600, rest // 60 % 60, rest % 60)
end

function M.today()
  return M.now():sub(1, 10)
end

return M
