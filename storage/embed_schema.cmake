# cmake -DOUTPUT=schema.cc -DSCRIPTS="a.sql;b.sql" -DVIEWS=views.sql -P embed_schema.cmake
# Writes the scripts, in this order, and the views into a C++ file as raw string literals, so that a
# program needs no files beside itself. A script's place in the list is its version.
set(content "#include \"storage/migrations.h\"\n\nnamespace reluscape {\n\nconst std::vector<Migration>& Migrations() {\n  static const std::vector<Migration> migrations = {\n")
foreach(script IN LISTS SCRIPTS)
  get_filename_component(name ${script} NAME)
  file(READ ${script} sql)
  string(APPEND content "      {\"${name}\", R\"reluscape_sql(${sql})reluscape_sql\"},\n")
endforeach()
string(APPEND content "  };\n  return migrations;\n}\n\n")
file(READ ${VIEWS} sql)
string(APPEND content "const char* Views() { return R\"reluscape_sql(${sql})reluscape_sql\"; }\n\n}  // namespace reluscape\n")
file(WRITE ${OUTPUT} "${content}")
