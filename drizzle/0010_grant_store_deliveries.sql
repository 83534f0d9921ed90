-- By hand. A function that is made anew has lost its grants, and some databases give PUBLIC no rights on functions.
GRANT EXECUTE ON FUNCTION rollcall_store_deliveries(text, text[], text[], text[], text[], text[], text[], text[], text[], text[],
  float8[], float8[], text[], text[], text[], text[], text[], text[]) TO rollcall_app;
