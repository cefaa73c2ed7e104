-- date_zones.core: time zones by name, and the rule that each follows today, as POSIX writes rules (TZ, IEEE Std 1003.1,
-- section 8.3).
-- Facts of the IANA time zone database. Past rules are left out: a date of years ago is taken by the rule of today.
-- Zones whose changes follow no rule (Africa/Casablanca, Africa/El_Aaiun) are at their usual time all year.

local zones = {}

local function add(rule, names)
  for name in names:gmatch("%S+") do zones[name] = rule end
end

add("<+00>0<+02>-2,M3.5.0/1,M10.5.0/3", "Antarctica/Troll")
add("<+01>-1", "Africa/Casablanca Africa/El_Aaiun")
add("<+0330>-3:30", "Asia/Tehran")
add("<+03>-3", [[
  Antarctica/Syowa Asia/Aden Asia/Amman Asia/Baghdad Asia/Bahrain Asia/Damascus Asia/Kuwait Asia/Qatar
  Asia/Riyadh Europe/Istanbul Europe/Minsk
]])
add("<+0430>-4:30", "Asia/Kabul")
add("<+04>-4", [[
  Asia/Baku Asia/Dubai Asia/Muscat Asia/Tbilisi Asia/Yerevan Europe/Astrakhan Europe/Samara Europe/Saratov
  Europe/Ulyanovsk Indian/Mahe Indian/Mauritius Indian/Reunion
]])
add("<+0530>-5:30", "Asia/Colombo")
add("<+0545>-5:45", "Asia/Kathmandu")
add("<+05>-5", [[
  Antarctica/Mawson Antarctica/Vostok Asia/Almaty Asia/Aqtau Asia/Aqtobe Asia/Ashgabat Asia/Atyrau
  Asia/Dushanbe Asia/Oral Asia/Qostanay Asia/Qyzylorda Asia/Samarkand Asia/Tashkent Asia/Yekaterinburg
  Indian/Kerguelen Indian/Maldives
]])
add("<+0630>-6:30", "Asia/Yangon Indian/Cocos")
add("<+06>-6", "Asia/Bishkek Asia/Dhaka Asia/Omsk Asia/Thimphu Asia/Urumqi Indian/Chagos")
add("<+07>-7", [[
  Antarctica/Davis Asia/Bangkok Asia/Barnaul Asia/Ho_Chi_Minh Asia/Hovd Asia/Krasnoyarsk Asia/Novokuznetsk
  Asia/Novosibirsk Asia/Phnom_Penh Asia/Tomsk Asia/Vientiane Indian/Christmas
]])
add("<+0845>-8:45", "Australia/Eucla")
add("<+08>-8", [[
  Antarctica/Casey Asia/Brunei Asia/Irkutsk Asia/Kuala_Lumpur Asia/Kuching Asia/Singapore Asia/Ulaanbaatar
]])
add("<+09>-9", "Asia/Chita Asia/Dili Asia/Khandyga Asia/Yakutsk Pacific/Palau")
add("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "Australia/Lord_Howe")
add("<+10>-10", "Antarctica/DumontDUrville Asia/Ust-Nera Asia/Vladivostok Pacific/Chuuk Pacific/Port_Moresby")
add("<+11>-11", [[
  Asia/Magadan Asia/Sakhalin Asia/Srednekolymsk Pacific/Bougainville Pacific/Efate Pacific/Guadalcanal
  Pacific/Kosrae Pacific/Noumea Pacific/Pohnpei
]])
add("<+11>-11<+12>,M10.1.0,M4.1.0/3", "Pacific/Norfolk")
add("<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45", "Pacific/Chatham")
add("<+12>-12", [[
  Asia/Anadyr Asia/Kamchatka Pacific/Fiji Pacific/Funafuti Pacific/Kwajalein Pacific/Majuro Pacific/Nauru
  Pacific/Tarawa Pacific/Wake Pacific/Wallis
]])
add("<+13>-13", "Pacific/Apia Pacific/Fakaofo Pacific/Kanton Pacific/Tongatapu")
add("<+14>-14", "Pacific/Kiritimati")
add("<-01>1", "Atlantic/Cape_Verde")
add("<-01>1<+00>,M3.5.0/0,M10.5.0/1", "Atlantic/Azores")
add("<-02>2", "America/Noronha Atlantic/South_Georgia")
add("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "America/Nuuk America/Scoresbysund")
add("<-03>3", [[
  America/Araguaina America/Argentina/Buenos_Aires America/Argentina/Catamarca America/Argentina/Cordoba
  America/Argentina/Jujuy America/Argentina/La_Rioja America/Argentina/Mendoza
  America/Argentina/Rio_Gallegos America/Argentina/Salta America/Argentina/San_Juan
  America/Argentina/San_Luis America/Argentina/Tucuman America/Argentina/Ushuaia America/Asuncion
  America/Bahia America/Belem America/Cayenne America/Coyhaique America/Fortaleza America/Maceio
  America/Montevideo America/Paramaribo America/Punta_Arenas America/Recife America/Santarem
  America/Sao_Paulo Antarctica/Palmer Antarctica/Rothera Atlantic/Stanley
]])
add("<-03>3<-02>,M3.2.0,M11.1.0", "America/Miquelon")
add("<-04>4", [[
  America/Boa_Vista America/Campo_Grande America/Caracas America/Cuiaba America/Guyana America/La_Paz
  America/Manaus America/Porto_Velho
]])
add("<-04>4<-03>,M9.1.6/24,M4.1.6/24", "America/Santiago")
add("<-05>5", "America/Bogota America/Eirunepe America/Guayaquil America/Lima America/Rio_Branco")
add("<-06>6", "Pacific/Galapagos")
add("<-06>6<-05>,M9.1.6/22,M4.1.6/22", "Pacific/Easter")
add("<-08>8", "Pacific/Pitcairn")
add("<-0930>9:30", "Pacific/Marquesas")
add("<-09>9", "Pacific/Gambier")
add("<-10>10", "Pacific/Rarotonga Pacific/Tahiti")
add("<-11>11", "Pacific/Niue")
add("ACST-9:30", "Australia/Darwin")
add("ACST-9:30ACDT,M10.1.0,M4.1.0/3", "Australia/Adelaide Australia/Broken_Hill")
add("AEST-10", "Australia/Brisbane Australia/Lindeman")
add("AEST-10AEDT,M10.1.0,M4.1.0/3", [[
  Antarctica/Macquarie Australia/Hobart Australia/Melbourne Australia/Sydney
]])
add("AKST9AKDT,M3.2.0,M11.1.0", [[
  America/Anchorage America/Juneau America/Metlakatla America/Nome America/Sitka America/Yakutat
]])
add("AST4", [[
  America/Anguilla America/Antigua America/Aruba America/Barbados America/Blanc-Sablon America/Curacao
  America/Dominica America/Grenada America/Guadeloupe America/Kralendijk America/Lower_Princes
  America/Marigot America/Martinique America/Montserrat America/Port_of_Spain America/Puerto_Rico
  America/Santo_Domingo America/St_Barthelemy America/St_Kitts America/St_Lucia America/St_Thomas
  America/St_Vincent America/Tortola
]])
add("AST4ADT,M3.2.0,M11.1.0", [[
  America/Glace_Bay America/Goose_Bay America/Halifax America/Moncton America/Thule Atlantic/Bermuda
]])
add("AWST-8", "Australia/Perth")
add("CAT-2", [[
  Africa/Blantyre Africa/Bujumbura Africa/Gaborone Africa/Harare Africa/Juba Africa/Khartoum Africa/Kigali
  Africa/Lubumbashi Africa/Lusaka Africa/Maputo Africa/Windhoek
]])
add("CET-1", "Africa/Algiers Africa/Tunis")
add("CET-1CEST,M3.5.0,M10.5.0/3", [[
  Africa/Ceuta Arctic/Longyearbyen Europe/Amsterdam Europe/Andorra Europe/Belgrade Europe/Berlin
  Europe/Bratislava Europe/Brussels Europe/Budapest Europe/Busingen Europe/Copenhagen Europe/Gibraltar
  Europe/Ljubljana Europe/Luxembourg Europe/Madrid Europe/Malta Europe/Monaco Europe/Oslo Europe/Paris
  Europe/Podgorica Europe/Prague Europe/Rome Europe/San_Marino Europe/Sarajevo Europe/Skopje
  Europe/Stockholm Europe/Tirane Europe/Vaduz Europe/Vatican Europe/Vienna Europe/Warsaw Europe/Zagreb
  Europe/Zurich
]])
add("CST-8", "Asia/Macau Asia/Shanghai Asia/Taipei")
add("CST5CDT,M3.2.0/0,M11.1.0/1", "America/Havana")
add("CST6", [[
  America/Bahia_Banderas America/Belize America/Chihuahua America/Costa_Rica America/El_Salvador
  America/Guatemala America/Managua America/Merida America/Mexico_City America/Monterrey America/Regina
  America/Swift_Current America/Tegucigalpa
]])
add("CST6CDT,M3.2.0,M11.1.0", [[
  America/Chicago America/Indiana/Knox America/Indiana/Tell_City America/Matamoros America/Menominee
  America/North_Dakota/Beulah America/North_Dakota/Center America/North_Dakota/New_Salem America/Ojinaga
  America/Rankin_Inlet America/Resolute America/Winnipeg
]])
add("ChST-10", "Pacific/Guam Pacific/Saipan")
add("EAT-3", [[
  Africa/Addis_Ababa Africa/Asmara Africa/Dar_es_Salaam Africa/Djibouti Africa/Kampala Africa/Mogadishu
  Africa/Nairobi Indian/Antananarivo Indian/Comoro Indian/Mayotte
]])
add("EET-2", "Africa/Tripoli Europe/Kaliningrad")
add("EET-2EEST,M3.4.4/50,M10.4.4/50", "Asia/Gaza Asia/Hebron")
add("EET-2EEST,M3.5.0,M10.5.0/3", "Europe/Chisinau")
add("EET-2EEST,M3.5.0/0,M10.5.0/0", "Asia/Beirut")
add("EET-2EEST,M3.5.0/3,M10.5.0/4", [[
  Asia/Famagusta Asia/Nicosia Europe/Athens Europe/Bucharest Europe/Helsinki Europe/Kyiv Europe/Mariehamn
  Europe/Riga Europe/Sofia Europe/Tallinn Europe/Vilnius
]])
add("EET-2EEST,M4.5.5/0,M10.5.4/24", "Africa/Cairo")
add("EST5", "America/Atikokan America/Cancun America/Cayman America/Jamaica America/Panama")
add("EST5EDT,M3.2.0,M11.1.0", [[
  America/Detroit America/Grand_Turk America/Indiana/Indianapolis America/Indiana/Marengo
  America/Indiana/Petersburg America/Indiana/Vevay America/Indiana/Vincennes America/Indiana/Winamac
  America/Iqaluit America/Kentucky/Louisville America/Kentucky/Monticello America/Nassau America/New_York
  America/Port-au-Prince America/Toronto
]])
add("GMT0", [[
  Africa/Abidjan Africa/Accra Africa/Bamako Africa/Banjul Africa/Bissau Africa/Conakry Africa/Dakar
  Africa/Freetown Africa/Lome Africa/Monrovia Africa/Nouakchott Africa/Ouagadougou Africa/Sao_Tome
  America/Danmarkshavn Atlantic/Reykjavik Atlantic/St_Helena
]])
add("GMT0BST,M3.5.0/1,M10.5.0", "Europe/Guernsey Europe/Isle_of_Man Europe/Jersey Europe/London")
add("HKT-8", "Asia/Hong_Kong")
add("HST10", "Pacific/Honolulu")
add("HST10HDT,M3.2.0,M11.1.0", "America/Adak")
add("IST-1GMT0,M10.5.0,M3.5.0/1", "Europe/Dublin")
add("IST-2IDT,M3.4.4/26,M10.5.0", "Asia/Jerusalem")
add("IST-5:30", "Asia/Kolkata")
add("JST-9", "Asia/Tokyo")
add("KST-9", "Asia/Pyongyang Asia/Seoul")
add("MSK-3", "Europe/Kirov Europe/Moscow Europe/Simferopol Europe/Volgograd")
add("MST7", [[
  America/Creston America/Dawson America/Dawson_Creek America/Fort_Nelson America/Hermosillo
  America/Mazatlan America/Phoenix America/Whitehorse
]])
add("MST7MDT,M3.2.0,M11.1.0", [[
  America/Boise America/Cambridge_Bay America/Ciudad_Juarez America/Denver America/Edmonton America/Inuvik
]])
add("NST3:30NDT,M3.2.0,M11.1.0", "America/St_Johns")
add("NZST-12NZDT,M9.5.0,M4.1.0/3", "Antarctica/McMurdo Pacific/Auckland")
add("PKT-5", "Asia/Karachi")
add("PST-8", "Asia/Manila")
add("PST8PDT,M3.2.0,M11.1.0", "America/Los_Angeles America/Tijuana America/Vancouver")
add("SAST-2", "Africa/Johannesburg Africa/Maseru Africa/Mbabane")
add("SST11", "Pacific/Midway Pacific/Pago_Pago")
add("UTC0", "UTC")
add("WAT-1", [[
  Africa/Bangui Africa/Brazzaville Africa/Douala Africa/Kinshasa Africa/Lagos Africa/Libreville
  Africa/Luanda Africa/Malabo Africa/Ndjamena Africa/Niamey Africa/Porto-Novo
]])
add("WET0WEST,M3.5.0/1,M10.5.0", "Atlantic/Canary Atlantic/Faroe Atlantic/Madeira Europe/Lisbon")
add("WIB-7", "Asia/Jakarta Asia/Pontianak")
add("WIT-9", "Asia/Jayapura")
add("WITA-8", "Asia/Makassar")

return zones
