from bookstore.cli import main

main()
