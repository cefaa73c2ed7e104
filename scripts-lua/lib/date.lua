-- date: calendar dates and times, between EDI and ISO 8601.
--
--   date.parse("20261123", "ccyymmdd") → "2026-11-23"       date.format("2026-11-23", "ccyymmdd") → "20261123"
--   date.iso("20261123") → "2026-11-23"                      date.valid("2026-02-30") → false
--   date.today(), date.now() → "2026-11-23", "2026-11-23T16:15:20Z" (UTC)
--   date.to_zone("2026-11-23T16:15:20Z", "Europe/Berlin") → "2026-11-23T17:15:20+01:00"
--   date.to_utc("2026-11-23T17:15:20", "Europe/Berlin") → "2026-11-23T16:15:20Z"; date.epoch(iso), date.from_epoch(seconds)
--   date.add("2026-11-23", 14) → "2026-12-07"                date.days("2026-11-23", "2026-12-07") → 14
--   date.add_months("2026-01-31", 1) → "2026-02-28"          date.month_end("2026-02-03") → "2026-02-28"
--   date.add_workdays("2026-11-27", 2, holidays) → "2026-12-01"      date.week("2026-11-23") → "2026-W48"
--
-- Between scripts a date is text: "2026-11-23", or "2026-11-23T16:15" with a time. Text compares and sorts as it should.
-- A pattern is made of ccyy yy mm dd ddd (the day of the year, as in "Julian" dates) hh mi ss and anything else as it
-- stands. Two-digit years are 1970 to 2069, unless a pivot says below which they are of this century.

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

local names = {
  ccyy = "year", yy = "short_year", mm = "month", dd = "day", ddd = "day_of_year", hh = "hour", mi = "minute", ss = "second",
}

local function next_part(pattern, from)
  for _, part in ipairs {"ccyy", "yy", "mm", "ddd", "dd", "hh", "mi", "ss"} do
    if pattern:sub(from, from + #part - 1) == part then return part end
  end
end

-- The date in ISO form, or nil and what is wrong with it.
function M.try(text, pattern, pivot)
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
  if found.short_year then found.year = found.short_year + (found.short_year < (pivot or 70) and 2000 or 1900) end
  local hour, minute, second = found.hour or 0, found.minute or 0, found.second or 0
  if not is_time(hour, minute, second) then return nil, "'" .. text .. "' is no time of day" end
  local time = string.format("%02d:%02d", hour, minute)
  if found.second then time = time .. string.format(":%02d", second) end
  if not found.year and found.hour then return time end
  local month, day = found.month or 1, found.day or 1
  if found.day_of_year then
    local year
    if not found.year then return nil, "a day of the year needs its year" end
    year, month, day = from_days(to_days(found.year, 1, 1) + found.day_of_year - 1)
    if year ~= found.year then return nil, "'" .. text .. "' is not in the calendar" end
  end
  if not is_date(found.year, month, day) then return nil, "'" .. text .. "' is not in the calendar" end
  local iso = string.format("%04d-%02d-%02d", found.year, month, day)
  return found.hour and iso .. "T" .. time or iso
end

function M.parse(text, pattern, pivot)
  local iso, why = M.try(text, pattern, pivot)
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
    ddd = string.format("%03d", to_days(at.year, at.month, at.day) - to_days(at.year, 1, 1) + 1),
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

local function show_day(year, month, day, iso)
  return string.format("%04d-%02d-%02d", year, month, day) .. iso:sub(11)
end

-- The same day so many months later; where that month is too short, its last one.
function M.add_months(iso, months)
  local at = check(iso, 1)
  if math.type(months) ~= "integer" then error("date.add_months takes whole months", 2) end
  local count = at.year * 12 + at.month - 1 + months
  local year, month = count // 12, count % 12 + 1
  return show_day(year, month, math.min(at.day, days_in_month(year, month)), iso)
end

function M.month_end(iso)
  local at = check(iso, 1)
  return show_day(at.year, at.month, days_in_month(at.year, at.month), iso)
end

-- So many working days later (or earlier): Monday to Friday, without the days of the list.
function M.add_workdays(iso, days, holidays)
  check(iso, 1)
  if math.type(days) ~= "integer" then error("date.add_workdays takes whole days", 2) end
  local free = {}
  for _, day in ipairs(holidays or {}) do free[day] = true end
  local step = days < 0 and -1 or 1
  while days ~= 0 do
    iso = M.add(iso, step)
    if M.weekday(iso) <= 5 and not free[iso:sub(1, 10)] then days = days - step end
  end
  return iso
end

-- The week of ISO 8601: it belongs to the year that has its Thursday.
function M.week(iso)
  local thursday = check(M.add(iso, 4 - M.weekday(iso)), 1)
  local number = (to_days(thursday.year, thursday.month, thursday.day) - to_days(thursday.year, 1, 1)) // 7 + 1
  return string.format("%04d-W%02d", thursday.year, number)
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

-- ---- moments and time zones ----

-- Seconds since 1970 of an ISO date and time; one without zone is taken as UTC.
function M.epoch(iso)
  local at = check(iso, 1)
  local seconds = to_days(at.year, at.month, at.day) * 86400 + at.hour * 3600 + at.minute * 60 + at.second
  local sign, hours, minutes = (at.zone or ""):match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return seconds end
  local offset = tonumber(hours) * 3600 + tonumber(minutes) * 60
  return sign == "+" and seconds - offset or seconds + offset
end

local function show(seconds, suffix)
  local year, month, day = from_days(seconds // 86400)
  local rest = seconds % 86400
  return string.format("%04d-%02d-%02dT%02d:%02d:%02d%s", year, month, day, rest // 3600, rest // 60 % 60, rest % 60, suffix)
end

function M.from_epoch(seconds)
  if math.type(seconds) ~= "integer" then error("date.from_epoch takes whole seconds", 2) end
  return show(seconds, "Z")
end

-- "-2:30" of a POSIX rule as seconds east of Greenwich: POSIX counts west.
local function offset_of(text)
  local sign, hours, minutes = text:match("^([+-]?)(%d+):?(%d*)")
  local seconds = tonumber(hours) * 3600 + (tonumber(minutes) or 0) * 60
  return sign == "-" and seconds or -seconds
end

-- The day that "M3.5.0/2" (the fifth, that is the last, Sunday of March at 2) or "J60" names, as seconds of local time.
local function moment_of(year, rule)
  local when, time = rule:match("^([^/]+)/?(.*)$")
  local seconds = time ~= "" and -offset_of(time) or 7200
  local month, week, day = when:match("^M(%d+)%.(%d)%.(%d)$")
  if not month then
    local number = tonumber(when:match("^J?(%d+)$"))
    local first = to_days(year, 1, 1)
    if when:sub(1, 1) == "J" and number > 59 and days_in_month(year, 2) == 29 then number = number + 1 end
    return (first + number - (when:sub(1, 1) == "J" and 1 or 0)) * 86400 + seconds
  end
  month, week, day = tonumber(month), tonumber(week), tonumber(day)
  local first = to_days(year, month, 1)
  local days = (day - (first + 4) % 7) % 7 + (week - 1) * 7
  while days >= days_in_month(year, month) do days = days - 7 end
  return (first + days) * 86400 + seconds
end

local rules = {}

local function rule_of(name)
  if rules[name] then return rules[name] end
  local text = require("date_zones.core")[name]
  if not text then error("the time zone '" .. tostring(name) .. "' is not known", 3) end
  local _, standard, rest = text:match("^(<[^>]+>)([+-]?[%d:]+)(.*)$")
  if not standard then _, standard, rest = text:match("^(%a+)([+-]?[%d:]+)(.*)$") end
  local rule = {standard = offset_of(standard)}
  if rest ~= "" then
    local summer, from, to = rest:match("^([^,]+),([^,]+),([^,]+)$")
    local other = summer:match("^<[^>]+>(.*)$") or summer:match("^%a+(.*)$")
    rule.summer = other ~= "" and offset_of(other) or rule.standard + 3600
    rule.from, rule.to = from, to
  end
  rules[name] = rule
  return rule
end

-- Seconds east of Greenwich at a moment in UTC.
local function offset_at(rule, seconds)
  if not rule.summer then return rule.standard end
  local year = from_days((seconds + rule.standard) // 86400)
  local from = moment_of(year, rule.from) - rule.standard
  local to = moment_of(year, rule.to) - rule.summer
  local summer
  if from < to then summer = seconds >= from and seconds < to else summer = seconds >= from or seconds < to end
  return summer and rule.summer or rule.standard
end

function M.to_zone(iso, zone)
  local rule = rule_of(zone)
  local seconds = M.epoch(iso)
  local offset = offset_at(rule, seconds)
  local minutes = math.abs(offset) // 60
  return show(seconds + offset, string.format("%s%02d:%02d", offset < 0 and "-" or "+", minutes // 60, minutes % 60))
end

-- A time that stands on the clocks of a zone, as UTC. One that the clocks show twice is the first of the two; one that they
-- jump over is moved on by the jump.
function M.to_utc(iso, zone)
  local at = check(iso, 1)
  if (at.zone or "") ~= "" or not zone then return show(M.epoch(iso), "Z") end
  local rule = rule_of(zone)
  local seconds = M.epoch(iso)
  for _, offset in ipairs {rule.summer or rule.standard, rule.standard} do
    if offset_at(rule, seconds - offset) == offset then return show(seconds - offset, "Z") end
  end
  return show(seconds - rule.standard, "Z")
end

return M
