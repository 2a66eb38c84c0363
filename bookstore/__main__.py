from bookstore.commands.main import main

main()
